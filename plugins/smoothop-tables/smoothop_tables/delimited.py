"""CSV and TSV: rows of cells after a header."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, ClassVar

from smoothop_tables.columns import TEXT_CODEC, Codec
from smoothop_tables.errors import BadFileError
from smoothop_tables.headers import Header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smoothop_tables.text import TextFile

_SEPARATORS = (",", ";", "\t", "|")
_MEANING = {
    "unexpected end of data": "a quoted cell that begins here is never closed",
    "field larger than field limit": "a cell is too long, or its quote is never closed:",
}


class DelimitedRows:
    """The rows of a delimited file, read by the rules of RFC 4180 and nothing looser.

    Attributes:
        header: the names of the columns, from the file's first line that is not blank.
    """

    codec: ClassVar[Codec] = TEXT_CODEC

    def __init__(self, file: TextFile, separator: str | None) -> None:
        """Read the header.

        Args:
            file: where the rows are.
            separator: what stands between cells; ``None`` = what the header shows.

        Raises:
            BadFileError: there is no header, or it does not name columns.
        """
        self._file = file
        self._separator = separator or self._shown_separator()
        line, cells = next(self._records(), (0, []))
        if not cells:
            raise BadFileError(None, "the file is empty")
        self.header = Header()
        for cell in cells:
            self.header.add(line, cell.strip())

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Read the rows from the beginning: the line each starts at, and its cells.

        Raises:
            BadFileError: a row cannot be read, or has more or fewer cells than the header.
        """
        records = self._records()
        next(records)
        width = len(self.header.names)
        for line, cells in records:
            if len(cells) != width:
                raise BadFileError(line, f"{_count(cells)} where the header has {width}")
            yield line, cells

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(self._file.lines(), delimiter=self._separator, strict=True)
        line = 1
        try:
            for cells in reader:
                if cells:  # a blank line is no row
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            raise BadFileError(line, _explained(str(error))) from error

    def _shown_separator(self) -> str:
        """Return the first separator that splits the header; a comma if none does."""
        for separator in _SEPARATORS:
            # Not strict: read with the wrong separator, quotes seem to stand in odd places.
            reader = csv.reader(self._file.lines(), delimiter=separator)
            try:
                header: list[str] = next((cells for cells in reader if cells), [])
            except csv.Error:
                continue
            if len(header) > 1:
                return separator
        return ","


def _count(cells: list[str]) -> str:
    return f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"


def _explained(reason: str) -> str:
    for start, meaning in _MEANING.items():
        if reason.startswith(start):
            return f"{meaning} ({reason})"
    return f"the quotes of a cell are wrong ({reason})"
