from __future__ import annotations

import csv
import math
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smoothop_tables.columns import (
    ABSENT,
    INTEGER,
    REAL,
    TEXT,
    TEXT_CODEC,
    WIDE,
    Column,
    ColumnType,
    Profile,
    json_kind,
    text_kind,
)
from smoothop_tables.formats import rows_of
from smoothop_tables.loads import Loader, Source
from smoothop_tables.text import TextFile


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("", ABSENT),
        ("0", INTEGER),
        ("-7", INTEGER),
        ("9007199254740992", INTEGER),
        ("9007199254740993", WIDE),
        ("9223372036854775807", WIDE),
        ("-9223372036854775808", WIDE),
        ("9223372036854775808", TEXT),
        ("9" * 5000, TEXT),
        ("1.50", REAL),
        (".5", REAL),
        ("-0.25", REAL),
        ("1e-05", REAL),
        ("1e+16", REAL),
        ("1.5e3", REAL),
        ("1e5", TEXT),
        ("12E3", TEXT),
        ("1e+999", TEXT),
        ("00501", TEXT),
        ("00M", TEXT),
        ("+1", TEXT),
        ("1.", TEXT),
        ("-", TEXT),
        (".", TEXT),
        (" 1", TEXT),
        ("1,5", TEXT),
        ("1_000", TEXT),
        ("0x10", TEXT),
        ("nan", TEXT),
        ("inf", TEXT),
        ("-Infinity", TEXT),
        ("2012/01/01", TEXT),
        ("2012-01-01", TEXT),
        ("٣", TEXT),
        ("true", TEXT),
    ],
)
def test_a_cell_is_a_number_only_if_nothing_is_lost(cell: str, kind: int) -> None:
    assert text_kind(cell) == kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, ABSENT),
        (True, INTEGER),
        (3, INTEGER),
        (2**60, WIDE),
        (2**70, TEXT),
        (1.0, REAL),
        ("1", TEXT),
        ("", TEXT),
        ([1], TEXT),
        ({}, TEXT),
    ],
)
def test_the_types_of_json_are_taken_as_they_are(value: object, kind: int) -> None:
    assert json_kind(value) == kind


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (ABSENT, "TEXT"),
        (INTEGER, "INTEGER"),
        (INTEGER | WIDE, "INTEGER"),
        (INTEGER | REAL, "REAL"),
        (WIDE | REAL, "TEXT"),
        (INTEGER | TEXT, "TEXT"),
    ],
)
def test_a_column_gets_the_narrowest_type_that_keeps_all_values(kinds: int, expected: str) -> None:
    assert Column(kinds).type == expected


def test_the_first_value_that_does_not_fit_is_found_with_its_line() -> None:
    profile = Profile(TEXT_CODEC)
    for line, cell in enumerate(["1", "2", "2.5", "x", "3.5"], start=2):
        profile.observe(line, [cell])
    assert profile.columns[0].first_beyond(ColumnType.INTEGER) == (4, "2.5")
    assert profile.columns[0].first_beyond(ColumnType.REAL) == (5, "x")


CELLS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["", "00501", "+1", "1e5", '"', ",", "\r", "\n", "\r\n", ";", "nan", " x "]),
)
GRIDS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)


@given(
    grid=GRIDS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_read_back_equal(
    grid: list[list[str]], encoding: str, end: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.csv"
        with path.open("w", encoding=encoding, newline="") as file:
            # The writer of Python 3.11 leaves a lone CR unquoted when lines end in LF.
            if end == "\n":
                writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
            else:
                writer = csv.writer(file, lineterminator=end)
            writer.writerow([f"c{index}" for index in range(len(grid[0]))])
            writer.writerows(grid)
        database = Path(folder) / "out.db"
        with TextFile(path) as text:
            rows = rows_of(text, "grid.csv")
            source = Source("grid.csv", text.digest(), rows, text.check_unchanged)
            loaded = Loader(database).load(source, "grid")
        with closing(sqlite3.connect(database)) as connection:
            kept = connection.execute("SELECT * FROM grid ORDER BY rowid").fetchall()
    assert loaded.rows == len(kept) == len(grid)
    for row, cells in zip(kept, grid, strict=True):
        for value, cell in zip(row, cells, strict=True):
            assert _same(value, cell), (value, cell)


def _same(value: object, cell: str) -> bool:
    if not cell:
        return value is None
    if isinstance(value, float):
        # A float is written back as the same float; its text may have had more zeros.
        return math.isclose(value, float(cell), rel_tol=0, abs_tol=0)
    return str(value) == cell
