"""Which reader a file needs, by how its name ends."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from smoothop_tables.delimited import DelimitedRows
from smoothop_tables.errors import LoadError
from smoothop_tables.jsonrows import JsonArray, JsonLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smoothop_tables.columns import Codec
    from smoothop_tables.headers import Header
    from smoothop_tables.text import TextFile


class Rows(Protocol):
    """The rows of one open file; they can be read from the beginning more than once."""

    @property
    def codec(self) -> Codec:
        """How the values are read."""
        ...

    @property
    def header(self) -> Header:
        """The names of the columns; complete after one pass."""
        ...

    def rows(self) -> Iterator[tuple[int, Any]]:
        """Give each row's line and its values, in the order of the header."""
        ...


_READERS: dict[str, Callable[[TextFile], Rows]] = {
    ".csv": lambda file: DelimitedRows(file, None),
    ".tsv": lambda file: DelimitedRows(file, "\t"),
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".json": JsonArray,
}


def rows_of(file: TextFile, name: str) -> Rows:
    """Return the rows of a file of that name.

    Raises:
        LoadError: the name ends in none of the known ways, or the file cannot be begun.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _READERS:
        raise LoadError(
            f"the name ends in {suffix!a}: {', '.join(_READERS)} can be loaded"
            if suffix
            else f"the name has no ending: {', '.join(_READERS)} can be loaded"
        )
    return _READERS[suffix](file)
