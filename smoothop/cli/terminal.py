"""Text for people and JSON for programs: data to stdout, messages to stderr.

Whatever comes from elsewhere (names, errors, log messages) is escaped before it is shown, so that
it cannot move the cursor, change colours or forge lines.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any, TextIO


def escape(text: str) -> str:
    r"""Return `text` with every character that is not printable written as ``\x1b`` or the like."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def say(*lines: str) -> None:
    """Print messages to stderr, if there is one."""
    if lines and sys.stderr is not None:  # print would take stdout instead
        print(*map(escape, lines), sep="\n", file=sys.stderr)  # noqa: T201 - what print is for


def show(*lines: str) -> None:
    """Print data to stdout."""
    print(*map(escape, lines), sep="\n")  # noqa: T201 - this is what print is for


def show_json(document: Any) -> None:
    """Print one JSON document to stdout; ASCII only, so no terminal is disturbed by it."""
    print(json.dumps(document, indent=2, default=str))  # noqa: T201 - this is what print is for


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table with aligned columns.

    By hand, because the tables are small and the library for fine ones takes longer to import
    than all the rest of the command.
    """
    cells = [list(map(escape, row)) for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def wants_colour(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether colour helps: on a terminal that knows it, unless ``NO_COLOR`` is set."""
    if stream is None or environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def plugins_print_to_stderr() -> redirect_stdout[TextIO]:
    """Return a context in which what code of plugins prints does not mix with our data."""
    return redirect_stdout(sys.stderr)
