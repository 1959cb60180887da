"""What a column holds: the kinds of its values, and the SQLite type that keeps all of them.

A value becomes a number only if nothing is lost by it: ``00501``, ``+1``, ``1e5`` (a code as
often as a number) and ``nan`` stay text, and so does a column that a number type could not hold
exactly.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Kinds are bits, so that what a column has seen is one integer. An absent value has no kind.
ABSENT: Final = 0
INTEGER: Final = 1
WIDE: Final = 2  # an integer of 64 bits that a REAL cannot hold exactly
REAL: Final = 4
TEXT: Final = 8


class ColumnType(StrEnum):
    """The three types of column that are made and filled."""

    INTEGER = "INTEGER"
    REAL = "REAL"
    TEXT = "TEXT"

    def holds(self, kinds: int) -> bool:
        """Tell whether a column of this type keeps values of all these kinds unchanged."""
        return not kinds & ~_HELD[self]


_HELD = {
    ColumnType.INTEGER: INTEGER | WIDE,
    ColumnType.REAL: INTEGER | REAL,
    ColumnType.TEXT: INTEGER | WIDE | REAL | TEXT,
}

_WHOLE = re.compile(r"-?[1-9][0-9]{0,18}|0").fullmatch
# A whole number with an exponent is one only if the exponent has a sign, which programs write
# and codes such as 12E3 lack. -0 is a float that somebody has rounded.
_DECIMAL = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][+-]?[0-9]+)?|(?:0|[1-9][0-9]*)[eE][+-][0-9]+|0)"
).fullmatch


def text_kind(cell: str) -> int:
    """Return the kind of a cell of a delimited file; an empty one is absent."""
    if not cell:
        return ABSENT
    if _WHOLE(cell):
        return whole_kind(int(cell))
    if _DECIMAL(cell) and math.isfinite(float(cell)):
        return REAL
    return TEXT


def json_kind(value: object) -> int:
    """Return the kind of a JSON value: the types of JSON are taken as they are."""
    if value is None:
        return ABSENT
    if isinstance(value, int):  # true and false too: they are kept as 1 and 0
        return whole_kind(value)
    return REAL if isinstance(value, float) else TEXT


def whole_kind(number: int) -> int:
    """Return the kind of a whole number."""
    if -(2**53) <= number <= 2**53:
        return INTEGER
    return WIDE if -(2**63) <= number < 2**63 else TEXT


def json_text(value: object) -> str:
    """Return a JSON value as it is kept in a TEXT column: a string as it is, the rest as JSON.

    Raises:
        ValueError: the text cannot be kept: half a surrogate pair, a NUL, an endless number.
    """
    text = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
    )
    if "\0" in text:
        raise ValueError("a NUL character")
    if not text.isascii() and _HALF_PAIR(text):
        raise ValueError("half a surrogate pair, which is no character")
    return text


_HALF_PAIR = re.compile("[\ud800-\udfff]").search


@dataclass(frozen=True, slots=True)
class Codec:
    """How the values of one format are read: their kind, and their form in each type."""

    kind: Callable[[Any], int]
    convert: dict[ColumnType, Callable[[Any], object]]


TEXT_CODEC: Final = Codec(
    text_kind,
    {
        ColumnType.INTEGER: lambda cell: int(cell) if cell else None,
        ColumnType.REAL: lambda cell: float(cell) if cell else None,
        ColumnType.TEXT: lambda cell: cell or None,
    },
)
JSON_CODEC: Final = Codec(
    json_kind,
    {
        ColumnType.INTEGER: lambda value: None if value is None else int(value),
        ColumnType.REAL: lambda value: None if value is None else float(value),
        ColumnType.TEXT: lambda value: None if value is None else json_text(value),
    },
)


@dataclass(slots=True)
class Column:
    """What was seen in one column of a file.

    Attributes:
        kinds: the kinds of all its values.
        first: for each kind, the line and value that showed it first.
    """

    kinds: int = ABSENT
    first: dict[int, tuple[int, object]] = field(default_factory=dict)

    @property
    def type(self) -> ColumnType:
        """The narrowest type that holds every value; TEXT for a column without any."""
        if not self.kinds:
            return ColumnType.TEXT
        return next(each for each in ColumnType if each.holds(self.kinds))

    def first_beyond(self, column_type: ColumnType) -> tuple[int, object]:
        """Return line and value of the first one that a column of that type does not hold."""
        beyond = (seen for kind, seen in self.first.items() if not column_type.holds(kind))
        line, value = min(beyond, key=lambda seen: seen[0], default=next(iter(self.first.values())))
        return line, value


class Profile:
    """What was seen in each column, in one pass over the rows.

    Attributes:
        columns: one for each column of the file, in order.
        rows: how many rows there were.
    """

    def __init__(self, codec: Codec) -> None:
        self.columns: list[Column] = []
        self.rows = 0
        self._kind = codec.kind
        self._open: list[tuple[int, Column]] = []

    def observe(self, line: int, values: Sequence[Any]) -> None:
        """Take note of one row; a later row may have more columns."""
        self.rows += 1
        if len(values) > len(self.columns):
            self._widen(len(values))
        closed = False
        for index, column in self._open:
            kind = self._kind(values[index])
            if kind & ~column.kinds:
                column.kinds |= kind
                column.first[kind] = line, values[index]
                closed = closed or kind == TEXT
        if closed:  # a TEXT column stays one: its further values need not be looked at
            self._open = [each for each in self._open if not each[1].kinds & TEXT]

    def _widen(self, width: int) -> None:
        for index in range(len(self.columns), width):
            self.columns.append(Column())
            self._open.append((index, self.columns[index]))
