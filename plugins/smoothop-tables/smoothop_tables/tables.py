"""The table in the database: made for the first file, matched by the further ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from smoothop_tables.columns import Column, ColumnType
from smoothop_tables.errors import BadFileError, LoadError, shown
from smoothop_tables.headers import folded

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def quoted(name: str) -> str:
    """Return a name as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its columns: name -> declared type."""

    name: str
    columns: dict[str, str]

    @staticmethod
    def exists(database: sqlite3.Connection, name: str) -> bool:
        """Tell whether a table (or view) of that name is there."""
        query = (
            "SELECT 1 FROM sqlite_master "
            "WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE"
        )
        return database.execute(query, [name]).fetchone() is not None

    @classmethod
    def find(cls, database: sqlite3.Connection, name: str) -> Self | None:
        """Return the table of that name, ``None`` if there is none."""
        if not cls.exists(database, name):
            return None
        found = database.execute(f"PRAGMA table_info({quoted(name)})").fetchall()
        return cls(name, {column: declared.upper() for _, column, declared, *_ in found})

    @classmethod
    def create(
        cls,
        database: sqlite3.Connection,
        name: str,
        names: Sequence[str],
        types: Sequence[ColumnType],
    ) -> Self:
        """Make the table, inside the caller's transaction."""
        columns = dict(zip(names, map(str, types), strict=True))
        declared = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
        database.execute(f"CREATE TABLE {quoted(name)} ({declared})")
        return cls(name, columns)

    def types_for(self, names: Sequence[str], seen: Sequence[Column]) -> list[ColumnType]:
        """Return the type of the table's column for each column of a file, in the file's order.

        Raises:
            LoadError: the file has other columns than the table.
            BadFileError: a value does not fit the type of its column.
        """
        declared = {folded(column): kind for column, kind in self.columns.items()}
        self._check_same({folded(name): name for name in names}, declared)
        return [
            self._type_for(name, declared[folded(name)], column)
            for name, column in zip(names, seen, strict=True)
        ]

    def _check_same(self, names: dict[str, str], declared: dict[str, str]) -> None:
        missing = [column for column in self.columns if folded(column) not in names]
        extra = [name for key, name in names.items() if key not in declared]
        parts = [
            f"{text} {', '.join(map(shown, which))}"
            for text, which in (("it lacks", missing), ("the table lacks", extra))
            if which
        ]
        if parts:
            raise LoadError(f"its columns are not those of table {self.name}: {'; '.join(parts)}")

    def _type_for(self, name: str, declared: str, column: Column) -> ColumnType:
        try:
            column_type = ColumnType(declared)
        except ValueError:
            raise LoadError(
                f"column {shown(name)} of table {self.name} is declared "
                f"{declared or 'without a type'}: only INTEGER, REAL and TEXT are filled"
            ) from None
        if not column_type.holds(column.kinds):
            line, value = column.first_beyond(column_type)
            raise BadFileError(
                line,
                f"{str(value)[:40]!a} does not fit column {shown(name)} of table {self.name}, "
                f"which is {column_type}",
            )
        return column_type
