"""Why a file was not loaded.

::

    LoadError            the message, the name, the database or the table is the reason
    └── BadFileError     something in the file is; says where
"""

from __future__ import annotations


class LoadError(Exception):
    """A file was not loaded, and nothing of it was left in the database."""


class BadFileError(LoadError):
    """Something in the file is wrong.

    Attributes:
        line: where (the first is 1); ``None`` for the whole file.
    """

    def __init__(self, line: int | None, reason: str) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.line = line


def shown(name: str) -> str:
    """Return a name as it may stand in a log line: odd characters escaped, on one line."""
    return name if name.isprintable() else ascii(name)
