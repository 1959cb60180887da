"""A worker that loads tables, run by a real operator."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from smoothop_tables import Tables, TablesSettings

from smoothop import HandlerFailedError, Operator

DEADLINE = 30


@dataclass
class Bench:
    """The worker, a folder for files, and the database they are loaded into."""

    folder: Path
    database: Path
    operator: Operator

    def send(self, message: object) -> Any:
        return self.operator.dispatch("tables", message).result(timeout=DEADLINE)

    def refused(self, message: object) -> str:
        with pytest.raises(HandlerFailedError) as failure:
            self.send(message)
        return str(failure.value.__cause__)

    def file(self, name: str, content: str | bytes) -> dict[str, str]:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return {"path": str(path), "name": name}

    def load(self, name: str, content: str | bytes) -> Any:
        return self.send(self.file(name, content))

    def reason(self, name: str, content: str | bytes) -> str:
        return self.refused(self.file(name, content))

    def query(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def types(self, table: str) -> dict[str, str]:
        return {row[1]: row[2] for row in self.query(f"PRAGMA table_info({table})")}

    def tables(self) -> list[str]:
        rows = self.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [name for (name,) in rows]


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    operators = []

    def make(database: Path = tmp_path / "out.db", **options: Any) -> Bench:
        operator = Operator()
        operators.append(operator)
        operator.add_handler("tables", Tables(TablesSettings(database), **options), Tables.config)
        operator.start_all()
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        return Bench(folder, database, operator)

    yield make
    for operator in operators:
        operator.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
