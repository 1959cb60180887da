"""What a shell asks for when somebody presses Tab: which command line it is about.

The protocol is typer's: `smoothop` is run without arguments, and the line is in the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REQUEST: Final = "_SMOOTHOP_COMPLETE"
_LINES: Final = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")


def words_to_complete(environ: Mapping[str, str]) -> list[str] | None:
    """Return the words after ``smoothop`` on the line, or ``None`` if nothing is to be completed.

    They only say which command is meant, so quotes do not matter.
    """
    if not environ.get(REQUEST, "").startswith("complete"):
        return None
    line = next((environ[name] for name in _LINES if environ.get(name)), "")
    return line.split()[1:]
