"""Text for people and JSON for programs: data to stdout, messages to stderr.

Whatever comes from elsewhere (names, errors, log messages) is escaped before it is shown, so that
it cannot move the cursor, change colours or forge lines.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any, TextIO

from smoothop.cli.exit_codes import ExitCode


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
    _print(*map(escape, lines))


def show_json(document: Any) -> None:
    """Print one JSON document to stdout; ASCII only, so no terminal is disturbed by it."""
    _print(json.dumps(document, indent=2, default=str))


def show_json_line(document: Any) -> None:
    """Print one JSON document on a line of its own, at once."""
    _print(json.dumps(document, default=str), flush=True)


def deliver_stdout() -> None:
    """Write out what was printed to stdout, if there is one.

    Raises:
        SystemExit: it cannot be written, or nobody reads on.
    """
    try:
        _print(end="", flush=True)
    except BrokenPipeError:
        let_stdout_go()
        raise SystemExit(ExitCode.FAILED) from None


def _print(*lines: str, end: str = "\n", flush: bool = False) -> None:
    try:
        print(*lines, sep="\n", end=end, flush=flush)  # noqa: T201 - what print is for
    except BrokenPipeError:  # nobody reads on: what that means is for the command to say
        raise
    except OSError as error:
        let_stdout_go()
        say(f"smoothop: standard output cannot be written to: {error.strerror}")
        raise SystemExit(ExitCode.FAILED) from None


def let_stdout_go() -> None:
    """Keep the interpreter from trying once more at its end, and then writing about itself."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def columns(stream: TextIO | None) -> int | None:
    """Return how wide a line may be; ``None`` if nobody reads it on a terminal."""
    if "COLUMNS" in os.environ or (stream is not None and stream.isatty()):
        return shutil.get_terminal_size().columns
    return None


def redraw(lines: Sequence[str]) -> None:
    """Print lines over the ones before, cut to the terminal's height; elsewhere one after another.

    Only the ends of lines and of the screen are cleared, so nothing flickers.
    """
    if not sys.stdout.isatty():
        show(*lines, "")
        return
    rows = shutil.get_terminal_size().lines - 1
    body = "".join(f"{escape(line)}\x1b[K\n" for line in lines[:rows])
    sys.stdout.write(f"\x1b[H{body}\x1b[J")
    sys.stdout.flush()


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes, once it is escaped."""
    escaped = escape(text)
    if escaped.isascii():
        return len(escaped)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in escaped)
    return len(escaped) + wide - sum(map(bool, map(unicodedata.combining, escaped)))


def clipped(text: str, width: int) -> str:
    """Return a text, escaped, that takes at most `width` columns; its cut end is marked."""
    escaped = escape(text)
    if width_of(escaped) <= width:
        return escaped
    while escaped and width_of(escaped) >= width:
        escaped = escaped[: min(len(escaped) - 1, width)]
    return escaped + "~"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table with aligned columns.

    By hand, because the tables are small and the library for fine ones takes longer to import
    than all the rest of the command.
    """
    cells = [list(map(escape, row)) for row in (headings, *rows)]
    widths = [max(map(width_of, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(_filled, row, widths)).rstrip() for row in cells]


def _filled(cell: str, width: int) -> str:
    return cell + " " * (width - width_of(cell))


def wants_colour(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether colour helps: on a terminal that knows it, unless ``NO_COLOR`` is set."""
    if stream is None or environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def plugins_print_to_stderr() -> redirect_stdout[TextIO]:
    """Return a context in which what code of plugins prints does not mix with our data."""
    return redirect_stdout(sys.stderr)
