"""The README's first command does what the README shows, on a checkout with nothing but Python."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support.checkouts import ROOT, copy_checkout
from support.walks import Command, Walk

pytestmark = pytest.mark.timeout(300)  # pip fetches what smoothop needs

FIRST_COMMAND = re.compile(r"^```sh\n(.+)\n```\n.*?^```text\n(.*?)^```", re.DOTALL | re.MULTILINE)


def rows(database, table):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f'select count(*) from "{table}"').fetchone()[0]


def test_the_first_command_loads_the_example_as_it_shows(tmp_path):
    line, output = FIRST_COMMAND.search((ROOT / "README.md").read_text()).groups()
    checkout = copy_checkout(tmp_path / "checkout")

    Walk(checkout, Path(sys.executable).parent).take(Command(line, "...\n" + output))

    (database,) = (checkout / "examples").glob("**/*.db")
    assert rows(database, "airports") == 3376
    assert rows(database, "seattle_weather") == 1461
