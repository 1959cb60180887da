from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from smoothop_tables.errors import LoadError
from smoothop_tables.formats import rows_of
from smoothop_tables.loads import Loader, Source
from smoothop_tables.text import TextFile

if TYPE_CHECKING:
    from conftest import Bench


def test_the_types_are_decided_over_the_whole_file(bench: Bench) -> None:
    rows = "".join(f"{number},{number},{number}\n" for number in range(1, 3000))
    bench.load("t.csv", "n,late,code\n" + rows + "1,1.5,00M\n")
    assert bench.types("t") == {"n": "INTEGER", "late": "REAL", "code": "TEXT"}
    assert bench.query("SELECT * FROM t WHERE n = 2999") == [(2999, 2999.0, "2999")]


def test_an_empty_cell_is_null(bench: Bench) -> None:
    bench.load("t.csv", 'a,b,c\n1,,""\n,x,\n')
    assert bench.query("SELECT * FROM t") == [(1, None, None), (None, "x", None)]


def test_the_same_content_is_loaded_once_and_says_so(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert bench.load("t.csv", "a\n1\n2\n") == {"table": "t", "rows": 2, "skipped": 0}
    assert bench.load("t.csv", "a\n1\n2\n") == {"table": "t", "rows": 0, "skipped": 2}
    assert bench.query("SELECT count(*) FROM t") == [(2,)]
    assert "t.csv: already loaded into table t (2 rows), nothing changed" in caplog.text


def test_the_same_content_under_another_name_is_another_table(bench: Bench) -> None:
    bench.load("t.csv", "a\n1\n")
    assert bench.load("u.csv", "a\n1\n") == {"table": "u", "rows": 1, "skipped": 0}


def test_a_table_that_was_dropped_is_loaded_again(bench: Bench) -> None:
    bench.load("t.csv", "a\n1\n")
    with closing(sqlite3.connect(bench.database)) as connection, connection:
        connection.execute("DROP TABLE t")
    assert bench.load("t.csv", "a\n1\n")["rows"] == 1


def test_a_second_file_is_appended_if_its_columns_fit_in_any_order(bench: Bench) -> None:
    bench.load("t.csv", "a,b,c\n1,1.5,x\n")
    assert bench.load("t.csv", "C,b,a\n7,2,2\n")["rows"] == 1
    assert bench.query("SELECT a, b, c FROM t") == [(1, 1.5, "x"), (2, 2.0, "7")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a\n1\n", "its columns are not those of table t: it lacks b"),
        ("a,b,c\n1,2,3\n", "its columns are not those of table t: the table lacks c"),
        ("a,b\n1,1\n2,2\nx,3\n", "line 4: 'x' does not fit column a of table t, which is INTEGER"),
        ("a,b\n1.5,1\n", "line 2: '1.5' does not fit column a of table t, which is INTEGER"),
        ("a,b\n1,9007199254740993\n", "does not fit column b of table t, which is REAL"),
    ],
)
def test_a_second_file_that_does_not_fit_changes_nothing(
    bench: Bench, content: str, reason: str
) -> None:
    bench.load("t.csv", "a,b\n1,1.5\n")
    assert reason in bench.reason("t.csv", content)
    assert bench.query("SELECT * FROM t") == [(1, 1.5)]


def test_a_table_of_somebody_else_is_filled_only_if_its_types_are_known(bench: Bench) -> None:
    with closing(sqlite3.connect(bench.database)) as connection, connection:
        connection.execute("CREATE TABLE Money (amount NUMERIC)")
        connection.execute("CREATE TABLE Names (Name text UNIQUE)")
        connection.execute("CREATE VIEW seen AS SELECT Name FROM Names")
    assert "is declared NUMERIC" in bench.reason("money.csv", "amount\n1\n")
    assert bench.load("names.csv", "name\nx\n")["rows"] == 1
    assert "UNIQUE constraint failed" in bench.reason("names.csv", "name\ny\nx\n")
    assert bench.query("SELECT * FROM Names") == [("x",)]
    assert "seen" in bench.reason("seen.csv", "name\nz\n")


def test_the_name_in_the_message_decides_table_and_format(bench: Bench) -> None:
    path = bench.file("claim-17.tmp", "a\tb\n1\t2\n")["path"]
    assert bench.send({"path": path, "name": "Real.tsv"})["table"] == "real"


def test_without_a_name_the_path_decides(bench: Bench) -> None:
    path = bench.file("plain.csv", "a\n1\n")["path"]
    assert bench.send({"path": path})["table"] == "plain"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_header_shows_what_separates_the_cells_of_a_csv(bench: Bench, separator: str) -> None:
    text = f'"a,b"{separator}c\n"1,5"{separator}2\n'
    bench.load("t.csv", text)
    assert bench.types("t") == {"a,b": "TEXT", "c": "INTEGER"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_with_a_mark_and_all_line_ends_are_read(
    bench: Bench, encoding: str, end: str
) -> None:
    bench.load("t.csv", end.join(["naïve,b", "ü,2", "€,3", ""]).encode(encoding))
    assert bench.query('SELECT "naïve", b FROM t') == [("ü", 2), ("€", 3)]


def test_json_values_keep_their_types(bench: Bench) -> None:
    bench.load(
        "t.jsonl",
        '{"n": 1, "yes": true, "nested": [1, {"ü": null}], "mixed": 1}\n\n'
        '{"n": 2.5, "late": "00501", "mixed": "x", "yes": null}\n',
    )
    assert bench.query("SELECT n, yes, nested, mixed, late FROM t") == [
        (1.0, 1, '[1, {"ü": null}]', "1", None),
        (2.5, None, None, "x", "00501"),
    ]


def test_an_array_and_lines_of_the_same_objects_give_the_same_table(bench: Bench) -> None:
    bench.load("array.json", '\n[ {"a": 1, "b": "x"} ,\n {"a": 2, "b": null} ]\n')
    bench.load("lines.ndjson", '{"a": 1, "b": "x"}\n{"a": 2, "b": null}')
    assert bench.query("SELECT * FROM array") == bench.query("SELECT * FROM lines")
    assert bench.types("array") == bench.types("lines") == {"a": "INTEGER", "b": "TEXT"}


def test_names_that_sql_could_mistake_are_quoted(bench: Bench) -> None:
    bench.load("order.csv", 'select,"we""ird; DROP TABLE x"\n1,2\n')
    assert bench.query('SELECT "select", "we""ird; DROP TABLE x" FROM "order"') == [(1, 2)]


def test_a_database_that_stays_locked_fails_and_loads_nothing(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(busy_timeout=0.05)
    bench.load("t.csv", "a\n1\n")
    with closing(sqlite3.connect(bench.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "database is locked by another program" in bench.reason("t.csv", "a\n2\n")
        other.execute("ROLLBACK")
    assert bench.load("t.csv", "a\n2\n")["rows"] == 1


def test_a_file_that_is_written_to_while_it_is_loaded_fails(bench: Bench) -> None:
    path = Path(bench.file("t.csv", "a\n1\n")["path"])
    with TextFile(path) as file:
        rows = rows_of(file, "t.csv")
        source = Source("t.csv", file.digest(), rows, file.check_unchanged)
        path.write_text("a\n1\n2\n")
        with pytest.raises(LoadError, match="changed while it was read"):
            Loader(bench.database).load(source, "t")
    assert bench.tables() == []


LOAD_ALL = """
import sys
from pathlib import Path
from smoothop import Operator
from smoothop_tables import Tables, TablesSettings
database, *files = sys.argv[1:]
with Operator() as operator:
    operator.add_handler("tables", Tables(TablesSettings(Path(database))), Tables.config)
    operator.start_all()
    for file in files:
        operator.dispatch("tables", {"path": file}).result(timeout=60)
"""


def test_two_processes_load_the_same_files_at_once_and_each_row_is_there_once(
    bench: Bench, tmp_path: Path
) -> None:
    files = []
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "t.csv").write_text(f"a,b\n{number},x\n{number},y\n")
        files.append(str(folder / "t.csv"))
    command = [sys.executable, "-c", LOAD_ALL, str(bench.database)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    first = subprocess.Popen([*command, *files], env=environment)
    second = subprocess.Popen([*command, *reversed(files)], env=environment)
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert bench.query("SELECT count(*), count(DISTINCT a || b) FROM t") == [(40, 40)]
    assert bench.query("SELECT count(*) FROM _smoothop_loads") == [(20,)]
