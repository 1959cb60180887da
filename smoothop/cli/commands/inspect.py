"""``smoothop inspect``."""
