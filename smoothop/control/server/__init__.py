"""The server inside a running operator: who may do what, the routes, the listeners."""
