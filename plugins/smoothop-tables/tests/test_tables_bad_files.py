from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from smoothop_tables.errors import LoadError
from smoothop_tables.names import table_name

if TYPE_CHECKING:
    from conftest import Bench

BAD = [
    ("empty.csv", "", "the file is empty"),
    ("blank.csv", "\n\n", "the file is empty"),
    ("header.csv", "a,b\n", "there are no rows in it"),
    (
        "quote.csv",
        'a,b\n1,2\n1,"x\n2,3\n',
        "line 3: a quoted cell that begins here is never",
    ),
    ("after.csv", 'a,b\n"1"x,2\n', "line 2: the quotes of a cell are wrong"),
    ("long.csv", "a\n" + "x" * 200_000 + "\n", "line 2: a cell is too long"),
    ("ragged.csv", "a,b\n1,2\n\n1,2,3\n", "line 4: 3 cells where the header has 2"),
    ("short.csv", 'a,b\n"1\n2",3\n1\n', "line 4: 1 cell where the header has 2"),
    ("twice.csv", "a,a\n1,2\n", "line 1: two columns are called a"),
    ("case.csv", "a,A\n1,2\n", "line 1: two columns are called a and A"),
    ("noname.csv", "a,\n1,2\n", "line 1: column 2 has no name"),
    ("wide.csv", ",".join(f"c{i}" for i in range(2001)) + "\n", "line 1: more than 2000 columns"),
    ("latin.csv", b"a,b\n1,2\n1,\xe9\n", "line 3: byte 10 of the file, 0xe9, is not UTF-8"),
    ("late.csv", b"a\n" + b"x\n" * 70_000 + b"\xff\n", "line 70002: byte 140002 of the file, 0xff"),
    ("nul.csv", b"a\n1\n\0\n", "line 3: a NUL byte"),
    ("bare16.csv", "a\n1\n".encode("utf-16-le"), "line 1: a NUL byte"),
    ("odd16.csv", "a\n1\n".encode("utf-16")[:-1], "line 2: byte 8 of the file"),
    ("utf32.csv", "a\n1\n".encode("utf-32"), "it is UTF-32; save it as UTF-8"),
    ("one.json", '{"a": 1}', "line 1: a JSON file must be an array of objects"),
    ("none.json", "[]", "there are no rows in it"),
    ("blank.json", " \n", "the file is empty"),
    ("nan.json", '[\n{"a": 1},\n{"a": NaN}]', "line 3: NaN is no JSON"),
    ("huge.json", '[{"a": 1e999}]', "line 1: the number of a is too large"),
    ("inside.json", '[{"a": [1e999]}]', "line 1: a value cannot be kept"),
    ("digits.json", '[{"a": ' + "9" * 5000 + "}]", "line 1: a number of 5000 digits"),
    (
        "deep.json",
        '[{"a": ' + "[" * 99_999 + "]" * 99_999 + "}]",
        "line 1: it is nested too",
    ),
    ("comma.json", '[{"a": 1},]', "line 1: no JSON: Expecting value"),
    ("open.json", '[\n{"a": 1}\n', "line 3: a comma or the array's closing ] is missing"),
    ("tail.json", '[{"a": 1}]\n{}', "line 1: something follows the array"),
    ("row.json", '[{"a": 1},\n3]', "line 2: a row is a JSON object, not a number"),
    ("key.json", '[{"a": 1, "a": 2}]', "line 1: an object has the key a twice"),
    ("half.json", '[{"a": "\\ud800"}]', "line 1: a value cannot be kept: half a surrogate pair"),
    ("halfkey.json", '[{"\\ud800": 1}]', "line 1: column 1 has a name that is no text"),
    ("nulchar.jsonl", '{"a": "x\\u0000"}', "line 1: a value cannot be kept: a NUL character"),
    ("broken.jsonl", '{"a": 1}\n\n{"a":\n', "line 3: no JSON"),
    ("two.jsonl", '{"a": 1}\n{"a": 1} {}\n', "line 2: something follows the object"),
    ("null.jsonl", "null\n", "line 1: a row is a JSON object, not null"),
    ("sheet.xlsx", "a", "the name ends in '.xlsx': .csv, .tsv"),
    ("bare", "a", "the name has no ending"),
    ("---.csv", "a\n1\n", "no table can be named after ---.csv"),
]


@pytest.mark.parametrize(("name", "content", "reason"), BAD, ids=[name for name, _, _ in BAD])
def test_a_bad_file_fails_with_its_name_the_line_and_the_reason(
    bench: Bench, name: str, content: str | bytes, reason: str
) -> None:
    assert bench.reason(name, content).startswith(f"{name}: {reason}")
    assert bench.tables() == []


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (None, "not NoneType"),
        ("x.csv", "not str"),
        ({}, "path in the message must be a text"),
        ({"path": ""}, "path in the message must be a text"),
        ({"path": 3}, "path in the message must be a text"),
        ({"path": "x.csv", "name": 3}, "name in the message must be a text"),
        ({"path": "x.csv", "nmae": "y"}, "unknown key 'nmae'"),
        ({"path": "/nowhere/x.csv"}, "x.csv: the file cannot be opened: No such file"),
        ({"path": "/"}, "no table can be named after"),
        ({"path": "/tmp", "name": "x.csv"}, "Is a directory"),
        ({"path": "a\0.csv"}, "the file cannot be opened: embedded null"),
    ],
)
def test_a_bad_message_fails_and_says_why(bench: Bench, message: object, reason: str) -> None:
    assert reason in bench.refused(message)


def test_a_fifo_fails_instead_of_blocking_the_worker(bench: Bench) -> None:
    path = bench.folder / "pipe.csv"
    os.mkfifo(path)
    assert bench.refused({"path": str(path)}) == "pipe.csv: it is not a regular file"


def test_nothing_of_a_file_that_is_broken_at_its_end_stays(bench: Bench) -> None:
    rows = "".join(f'{{"a": {number}}}\n' for number in range(5000))
    assert "line 5001" in bench.reason("x.jsonl", rows + '{"a": "\\u0000"}\n')
    assert bench.tables() == []


def test_a_name_that_is_not_utf8_is_loaded_and_written_down(bench: Bench) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    assert bench.load(name, "a\n1\n")["table"] == "caf"
    assert bench.query("SELECT file FROM _smoothop_loads") == [("caf\\udce9.csv",)]


def test_a_database_whose_folder_is_missing_fails(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench(tmp_path / "none" / "x.db")
    assert "unable to open database file (is its folder there" in bench.reason("a.csv", "a\n1\n")


def test_a_database_that_is_none_fails(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database, but long enough to be looked at" * 9)
    bench = make_bench(tmp_path / "x.db")
    assert "file is not a database" in bench.reason("a.csv", "a\n1\n")


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("us-employment.csv", "us_employment"),
        ("Seattle  Weather (1).csv", "seattle_weather_1"),
        ("a.b.csv", "a_b"),
        ("2024-sales.csv", "t_2024_sales"),
        ("sqlite_master.csv", "t_sqlite_master"),
        ("_smoothop_loads.csv", "smoothop_loads"),
        ("Größe.csv", "größe"),
        ("Gro\u0308ße.csv", "größe"),
        ("../../x.csv", "x"),
        ('we"ird;--.csv', "we_ird"),
        ("order.csv", "order"),
    ],
)
def test_a_table_is_named_after_its_file(file: str, table: str) -> None:
    assert table_name(file) == table


def test_a_name_of_odd_characters_only_names_no_table() -> None:
    with pytest.raises(LoadError, match="letters or digits"):
        table_name("\U0001f600.csv")


def test_a_disk_that_takes_no_more_leaves_the_database_as_it_was(bench: Bench) -> None:
    resource = pytest.importorskip("resource")
    bench.load("t.csv", "a\nx\n")
    message = bench.file("t.csv", "a\n" + ("y" * 100 + "\n") * 40_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))  # a write beyond it fails
    try:
        reason = bench.refused(message)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "nothing was loaded" in reason
    assert bench.query("SELECT * FROM t") == [("x",)]
    assert bench.query("PRAGMA integrity_check") == [("ok",)]
    assert bench.load("t.csv", "a\nz\n")["rows"] == 1
