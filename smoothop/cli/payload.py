"""The message of `smoothop send`, as it is written on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from smoothop.assembly.problems import Problem, ProblemsError
from smoothop.control.wire import decode

STDIN = "-"
FILE_MARK = "@"


def read_payload(text: str) -> Any:
    """Return the message that the argument says: JSON, ``@FILE``, or ``-`` for standard input.

    Raises:
        ProblemsError: the file cannot be read, or what is there is no JSON.
    """
    where, written = "PAYLOAD", text
    try:
        if text == STDIN:
            where, written = "standard input", sys.stdin.read().removeprefix("\ufeff")
        elif text.startswith(FILE_MARK):
            where = text[len(FILE_MARK) :] or text
            written = Path(text[len(FILE_MARK) :]).read_text(
                encoding="utf-8-sig"
            )  # as some editors write it
        return decode(written)
    except OSError as error:
        raise _problem(where, f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise _problem(where, "is not UTF-8") from None
    except RecursionError:
        raise _problem(where, "is nested too deeply") from None
    except ValueError as error:
        hint = f"; text is written '\"{text}\"'" if where == "PAYLOAD" and text.isalnum() else ""
        raise _problem(where, f"is no JSON: {error}{hint}") from None


def _problem(where: str, what: str) -> ProblemsError:
    return ProblemsError([Problem(where, what)])
