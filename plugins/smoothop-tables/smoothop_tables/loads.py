"""One file into one table, in one transaction, once.

Each load is written down in the table ``_smoothop_loads``, in the same transaction, by the
SHA-256 of the file: so a file is loaded once into a table, whatever crashes between.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smoothop_tables.columns import ColumnType, Profile
from smoothop_tables.errors import BadFileError
from smoothop_tables.tables import Table, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smoothop_tables.formats import Rows

BUSY_TIMEOUT = 20.0
"""Seconds to wait for another writer: less than the 25 s that `smoothop run` gives a stop."""

_LOADS = """
CREATE TABLE IF NOT EXISTS _smoothop_loads (
  table_name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  file TEXT NOT NULL,
  rows INTEGER NOT NULL,
  loaded_at TEXT NOT NULL,
  PRIMARY KEY (table_name, sha256)
)"""
_RECORD = """
INSERT INTO _smoothop_loads (table_name, sha256, file, rows, loaded_at)
VALUES (?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))"""


@dataclass(frozen=True, slots=True)
class Source:
    """The file that is loaded.

    Attributes:
        name: its name when it was dropped.
        digest: the SHA-256 of its bytes.
        rows: its rows.
        check_unchanged: raises `LoadError` if somebody has written to it since it was opened.
    """

    name: str
    digest: str
    rows: Rows
    check_unchanged: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load came to: the rows that went in, and those that had been there before."""

    table: str
    rows: int
    skipped: int


class Loader:
    """Loads files into one SQLite file; a connection lives as long as one load."""

    def __init__(self, database: Path, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self._database = database
        self._busy_timeout = busy_timeout

    def load(self, source: Source, table_name: str) -> Loaded:
        """Load all rows of the source, or none.

        The file is read twice, to decide the types and to insert; the database is locked for
        the second time only. Memory does not grow with the number of rows.

        Raises:
            BadFileError: something in the file is wrong.
            LoadError: the file does not fit the table.
            sqlite3.Error: the database cannot be read or written.
        """
        with closing(self._connect()) as database:
            known = _rows_before(database, table_name, source.digest)
            if known is not None:
                return Loaded(table_name, 0, known)
            profile = _profile(source.rows)
            with _transaction(database):
                return _load(database, source, table_name, profile)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._database, timeout=self._busy_timeout, isolation_level=None)


def _profile(rows: Rows) -> Profile:
    profile = Profile(rows.codec)
    for line, values in rows.rows():
        profile.observe(line, values)
    if not profile.rows:
        raise BadFileError(None, "there are no rows in it")
    return profile


def _load(
    database: sqlite3.Connection, source: Source, table_name: str, profile: Profile
) -> Loaded:
    # Another process may have loaded the same file since it was looked up without the lock.
    known = _rows_before(database, table_name, source.digest)
    if known is not None:
        return Loaded(table_name, 0, known)
    names = source.rows.header.names
    table = Table.find(database, table_name)
    if table is None:
        table = Table.create(database, table_name, names, [each.type for each in profile.columns])
        # Loads into a table of that name that somebody has dropped since count no more.
        database.execute(_LOADS)
        database.execute("DELETE FROM _smoothop_loads WHERE table_name = ?", [table_name])
    types = table.types_for(names, profile.columns)
    count = _insert(database, table, source.rows, types)
    source.check_unchanged()
    database.execute(_LOADS)
    file = source.name.encode(errors="backslashreplace").decode()
    database.execute(_RECORD, [table_name, source.digest, file, count])
    return Loaded(table_name, count, 0)


def _insert(database: sqlite3.Connection, table: Table, rows: Rows, types: list[ColumnType]) -> int:
    names = ", ".join(quoted(name) for name in rows.header.names)
    marks = ", ".join("?" * len(types))
    statement = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({marks})"  # noqa: S608 - names are quoted
    return database.executemany(statement, _converted(rows, types)).rowcount


def _converted(rows: Rows, types: list[ColumnType]) -> Iterator[list[object]]:
    converters = [rows.codec.convert[each] for each in types]
    for line, values in rows.rows():
        try:
            yield [convert(value) for convert, value in zip(converters, values, strict=True)]
        except (ValueError, RecursionError) as error:
            raise BadFileError(line, f"a value cannot be kept: {error}") from error


def _rows_before(database: sqlite3.Connection, table_name: str, digest: str) -> int | None:
    """Return how many rows this file brought into the table when it was loaded, if it was."""
    if not Table.exists(database, "_smoothop_loads") or not Table.exists(database, table_name):
        return None
    found = database.execute(
        "SELECT rows FROM _smoothop_loads WHERE table_name = ? AND sha256 = ?",
        [table_name, digest],
    ).fetchone()
    return None if found is None else int(found[0])


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    # IMMEDIATE: to become a writer in mid-transaction could fail at once instead of waiting.
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # Some errors, a full disk among them, have ended the transaction already.
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
