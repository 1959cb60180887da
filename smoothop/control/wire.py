"""JSON as it comes from outside and goes there."""

from __future__ import annotations

import json
import math
import re
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, NoReturn
from uuid import UUID

from smoothop.control.failures import Failure

DEEPEST: Final = 64
"""Levels of nesting that a body may have."""
MOST_SLOTS: Final = 1000
"""Calls side by side that may be asked for from outside; each may take a thread."""

# One that has no end goes to the end of all: tried from each quote again, it would take for ever.
_STRING = re.compile(r'"(?:[^"\\]+|\\.)*(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKET = re.compile(r"[^\[\]{}]+")
_ALL_SQUARE = str.maketrans("{}", "[]")
_SHOWN_AS_TEXT: Final = (PurePath, date, time, UUID, Decimal, Enum)


def parse(body: bytes) -> Any:
    """Return what a body says, if it says it unambiguously.

    Raises:
        Failure: it is not JSON in UTF-8, is nested too deeply, gives a key twice, or holds a
            number that is none.
    """
    try:
        return decode(body.decode())
    except UnicodeDecodeError as error:
        what = f"the body is not UTF-8 (byte {error.start})"
    except json.JSONDecodeError as error:
        what = f"the body is not JSON: {error}"
    except ValueError as error:
        what = f"the body is not JSON as it is meant here: {error}"
    except RecursionError:
        what = f"the body is nested more than {DEEPEST} levels deep"
    raise Failure("bad_request", what)


def decode(text: str) -> Any:
    """Return what a text says in JSON, if it says it unambiguously.

    Raises:
        RecursionError: it is nested too deeply.
        ValueError: it is not JSON, gives a key twice, or holds a number that is none.
    """
    _refuse_deep(text)
    return json.loads(
        text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_number
    )


def dump(document: Any) -> bytes:
    """Return a document as JSON; ASCII only, so that any text of a handler can be said."""
    return json.dumps(document, allow_nan=False, default=_shown, separators=(",", ":")).encode()


def refuse_unsayable(value: Any) -> None:
    """Refuse what JSON cannot say, or what only a text of ours would stand for.

    Raises:
        ValueError, TypeError, RecursionError: it cannot; says why.
    """
    json.dumps(value, allow_nan=False, default=_text)


def _refuse_deep(text: str) -> None:
    # Peels off one level at a time, at the speed of C: a body of brackets must not take long.
    brackets = _NO_BRACKET.sub("", _STRING.sub("", text)).translate(_ALL_SQUARE)
    if "[" * (DEEPEST + 1) in brackets:
        raise RecursionError
    for _ in range(DEEPEST):
        if not brackets:
            return
        peeled = brackets.replace("[]", "")
        if peeled == brackets:
            return  # they do not match: the parser says so better
        brackets = peeled
    if brackets:
        raise RecursionError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {ascii(twice)[:80]} is given twice")
    return made


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large")
    return number


def _shown(value: object) -> str:
    try:
        return _text(value)
    except TypeError:
        return f"<{type(value).__qualname__}>"


def _text(value: object) -> str:
    # Not str(value) of just anything: what it runs would run in the control server.
    if isinstance(value, _SHOWN_AS_TEXT):
        return str(value)
    raise TypeError(f"it holds a {type(value).__qualname__}")
