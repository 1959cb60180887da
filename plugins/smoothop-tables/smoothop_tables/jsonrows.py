"""JSON lines and JSON arrays: rows that are objects."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Never

from smoothop_tables.columns import JSON_CODEC, Codec
from smoothop_tables.errors import BadFileError, shown
from smoothop_tables.headers import Header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smoothop_tables.text import TextFile

_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "true or false"}
_blank = re.compile(r"[ \t\r\n]*").match


class JsonLines:
    """The rows of a file with one JSON object on each line.

    Attributes:
        header: the keys met so far, in the order they were met; complete after one pass.
    """

    codec: ClassVar[Codec] = JSON_CODEC

    def __init__(self, file: TextFile) -> None:
        self.header = Header()
        self._file = file
        self._places: dict[str, int] = {}

    def rows(self) -> Iterator[tuple[int, list[object]]]:
        """Read the rows from the beginning: the line of each, and its values by the header.

        Raises:
            BadFileError: a line is not one JSON object, or a key cannot name a column.
        """
        for line, value in self._values():
            yield line, self._row(line, value)

    def _values(self) -> Iterator[tuple[int, object]]:
        for line, padded in enumerate(self._file.lines(), start=1):
            text = padded.rstrip(" \t\r\n")  # an error at the end is on this line, not the next
            if text:
                value, end = _decoded(text, _after_blank(text, 0), line)
                if _after_blank(text, end) < len(text):
                    raise BadFileError(line, "something follows the object")
                yield line, value

    def _row(self, line: int, value: object) -> list[object]:
        if not isinstance(value, dict):
            found = "null" if value is None else _NAMES.get(type(value), "a number")
            raise BadFileError(line, f"a row is a JSON object, not {found}")
        places = self._places
        row: list[object] = [None] * len(places)
        for key, item in value.items():
            if key not in places:
                self.header.add(line, key)
                places[key] = len(row)
                row.append(None)
            if item.__class__ is float and item - item != 0:  # written as 1e999, read as infinite
                raise BadFileError(line, f"the number of {shown(key)} is too large")
            row[places[key]] = item
        return row


class JsonArray(JsonLines):
    """The rows of a file that is one JSON array of objects.

    The text of the file is held in memory; of the objects, one at a time.
    """

    def __init__(self, file: TextFile) -> None:
        super().__init__(file)
        self._text = "".join(file.lines())

    def _values(self) -> Iterator[tuple[int, object]]:
        text = self._text
        at = _after_blank(text, 0)
        if not text[at:]:
            raise BadFileError(None, "the file is empty")
        line = 1 + text.count("\n", 0, at)
        if text[at] != "[":
            raise BadFileError(line, "a JSON file must be an array of objects, [{...}, {...}]")
        closing = "]"  # an array may be empty, but not end after a comma
        while True:
            start = _after_blank(text, at + 1)
            line += text.count("\n", at, start)
            if closing and text[start : start + 1] == closing:
                at = start
                break
            value, end = _decoded(text, start, line)
            yield line, value
            at = _after_blank(text, end)
            line += text.count("\n", start, at)
            if text[at : at + 1] == "]":
                break
            if text[at : at + 1] != ",":
                raise BadFileError(line, "a comma or the array's closing ] is missing")
            closing = ""
        if _after_blank(text, at + 1) < len(text):
            raise BadFileError(line, "something follows the array")


def _after_blank(text: str, at: int) -> int:
    match = _blank(text, at)
    return match.end() if match else at


def _decoded(text: str, at: int, line: int) -> tuple[Any, int]:
    """Decode the JSON value that begins at `at`, on that line; return it and where it ends."""
    try:
        return _decoder.raw_decode(text, at)
    except json.JSONDecodeError as error:
        where = line + text.count("\n", at, error.pos)
        raise BadFileError(where, f"no JSON: {error.msg} (column {error.colno})") from error
    except RecursionError as error:
        raise BadFileError(line, "it is nested too deeply") from error
    except ValueError as error:  # from the hooks below, or a number of thousands of digits
        raise BadFileError(line, str(error)) from error


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON; leave the value out or write null")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"an object has the key {shown(twice)} twice")
    return made


def _whole(digits: str) -> int:
    if len(digits) > 4300:  # Python's own limit, which it explains to programmers only
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


_decoder = json.JSONDecoder(
    parse_int=_whole, parse_constant=_refuse_constant, object_pairs_hook=_object
)
