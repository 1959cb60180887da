"""The message of `smoothop send`, as it is written on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from smoothop.assembly.problems import Problem, ProblemsError

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
            where = text[len(FILE_MARK) :]
            written = Path(where).read_text(encoding="utf-8-sig")  # as some editors write it
        return json.loads(written, parse_constant=_refuse)
    except OSError as error:
        raise _problem(where, f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise _problem(where, "is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        hint = f"; text is written '\"{text}\"'" if where == "PAYLOAD" and text.isalnum() else ""
        raise _problem(where, f"is no JSON: {error}{hint}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _problem(where: str, what: str) -> ProblemsError:
    return ProblemsError([Problem(where, what)])
