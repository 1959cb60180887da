"""The names of a file's columns."""

from __future__ import annotations

from smoothop_tables.errors import BadFileError, shown

MOST_COLUMNS = 2000  # SQLite's own limit, unless it was built with another one
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def folded(name: str) -> str:
    """Return a name as SQLite compares names: only A to Z are the same as a to z."""
    return name.translate(_LOWER)


class Header:
    """The names of the columns, in order; each once."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._known: dict[str, str] = {}

    def add(self, line: int, name: str) -> None:
        """Take one more name.

        Raises:
            BadFileError: it cannot be a column's name, or another column has it.
        """
        number = len(self.names) + 1
        if not name:
            raise BadFileError(line, f"column {number} has no name")
        if number > MOST_COLUMNS:
            raise BadFileError(line, f"more than {MOST_COLUMNS} columns")
        if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
            raise BadFileError(line, f"column {number} has a name that is no text: {name!a}")
        other = self._known.setdefault(folded(name), name)
        if len(self._known) < number:
            also = "" if other == name else f" and {shown(name)}, which SQLite takes for the same"
            raise BadFileError(line, f"two columns are called {shown(other)}{also}")
        self.names.append(name)
