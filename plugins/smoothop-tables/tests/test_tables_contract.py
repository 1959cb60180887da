"""What the kit for authors says about the package: nothing."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from smoothop_tables import Tables

from smoothop.testing import check_plugin, handle_once


@pytest.mark.alone  # it measures how long the import takes
def test_the_installed_package_keeps_the_contract(tmp_path: Path) -> None:
    try:
        distribution("smoothop-tables")
    except PackageNotFoundError:
        pytest.skip("run from a checkout: the package is not installed")
    file = tmp_path / "t.csv"
    file.write_text("a\n1\n")
    report = check_plugin(
        "smoothop-tables",
        settings={"tables": {"database": tmp_path / "out.db"}},
        messages={"tables": [{"path": str(file)}]},
    )
    assert report.findings == ()


def test_one_message_loads_one_file(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a\n1\n2\n")
    outcome = handle_once(
        Tables, {"path": str(file)}, settings={"database": str(tmp_path / "out.db")}
    )
    assert outcome.result is not None
    assert outcome.result.result == {"table": "t", "rows": 2, "skipped": 0}
    assert [record.getMessage() for record in outcome.logs] == ["t.csv: 2 rows into table t"]


def test_a_message_it_does_not_know_is_a_failure_not_a_panic(tmp_path: Path) -> None:
    outcome = handle_once(Tables, 3, settings={"database": str(tmp_path / "out.db")})
    assert outcome.panic is None
    assert outcome.result is not None
    assert "a message is {'path': ..., 'name': ...}" in str(outcome.result.error)
