"""What runs in the child process of a handler; the parent imports none of it."""
