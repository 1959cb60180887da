"""The table a file goes to, from the file's name."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from smoothop_tables.errors import LoadError, shown

_ODD = re.compile(r"[\W_]+")


def table_name(file_name: str) -> str:
    """Return the table's name: ``us-employment.csv`` gives ``us_employment``.

    In lower case, since SQLite does not tell ``Sales`` from ``sales``; each run of characters
    that are not letters or digits becomes one underscore. A name that begins with a digit or
    that SQLite keeps for itself gets ``t_`` in front.

    Raises:
        LoadError: there is no letter or digit in the name.
    """
    stem = unicodedata.normalize("NFC", PurePosixPath(file_name).stem)
    name = _ODD.sub("_", stem).strip("_").lower()
    if not name:
        raise LoadError(
            f"no table can be named after {shown(file_name)}: give it letters or digits"
        )
    return f"t_{name}" if name[0].isdigit() or name.startswith("sqlite_") else name
