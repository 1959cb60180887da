"""`Tables`: the handler that loads one file for each message."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from smoothop import Config, Context, HandleResult, done, fail
from smoothop_tables.errors import LoadError, shown
from smoothop_tables.formats import rows_of
from smoothop_tables.loads import BUSY_TIMEOUT, Loaded, Loader, Source
from smoothop_tables.names import table_name
from smoothop_tables.settings import TablesSettings
from smoothop_tables.text import TextFile

_ADVICE = {
    "SQLITE_BUSY": " by another program for too long",
    "SQLITE_CANTOPEN": " (is its folder there, and may it be written to?)",
    "SQLITE_NOTADB": " (it is no SQLite file)",
}


@dataclass(frozen=True, slots=True)
class Order:
    """A message, checked: the file to load, and the name that decides format and table."""

    path: Path
    name: str

    @classmethod
    def of(cls, message: object) -> Order:
        """Read a message ``{"path": ..., "name": ...}``; `name` may be left out.

        Raises:
            LoadError: it is something else.
        """
        if not isinstance(message, dict):
            raise LoadError(
                f"a message is {{'path': ..., 'name': ...}}, not {type(message).__name__}"
            )
        unknown = [key for key in message if key not in ("path", "name")]
        if unknown:
            raise LoadError(
                f"the message has an unknown key {unknown[0]!a}: it knows path and name"
            )
        path, name = message.get("path"), message.get("name")
        if not isinstance(path, str) or not path:
            raise LoadError(f"path in the message must be a text that is not empty, not {path!a}")
        if name is not None and (not isinstance(name, str) or not name):
            raise LoadError(f"name in the message must be a text that is not empty, not {name!a}")
        return cls(Path(path), name or Path(path).name)


class Tables:
    """Load the file that each message names into a table of a SQLite file.

    All rows go in or none. The same content goes into the same table once only, so a message
    may be sent twice. A load that has begun is finished when the worker is asked to stop.
    """

    Settings = TablesSettings
    config = Config(message_only=True)

    def __init__(self, settings: TablesSettings, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        # Kept as it was meant at the start, whatever changes the working directory later.
        self._database = settings.database.absolute()
        self._loader = Loader(self._database, busy_timeout)

    def handle(self, ctx: Context) -> HandleResult:
        """Load one file; the result is ``{"table": ..., "rows": ..., "skipped": ...}``."""
        name = "message"
        try:
            order = Order.of(ctx.message)
            name = shown(order.name)
            loaded = self._load(order)
        except LoadError as error:
            return fail(LoadError(f"{name}: {error}"))
        except sqlite3.Error as error:
            return fail(LoadError(f"{name}: database {self._database}: {_explained(error)}"))
        except OSError as error:  # the disk the file is on
            return fail(LoadError(f"{name}: the file cannot be read: {error}"))
        _log(ctx, name, loaded)
        return done({"table": loaded.table, "rows": loaded.rows, "skipped": loaded.skipped})

    def _load(self, order: Order) -> Loaded:
        table = table_name(order.name)
        with TextFile(order.path) as file:
            source = Source(
                order.name, file.digest(), rows_of(file, order.name), file.check_unchanged
            )
            return self._loader.load(source, table)


def _explained(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    return f"{error}{_ADVICE.get(name, '')}; nothing was loaded"


def _log(ctx: Context, name: str, loaded: Loaded) -> None:
    if loaded.skipped:
        ctx.logger.info(
            "%s: already loaded into table %s (%d rows), nothing changed",
            name,
            loaded.table,
            loaded.skipped,
        )
    else:
        ctx.logger.info("%s: %d rows into table %s", name, loaded.rows, loaded.table)
