"""What the tests share. `tests/` is on the path: ``from support.leaks import ...``."""
