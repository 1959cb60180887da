"""Errors as text, whatever the exception does when it is asked for it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, Final

LONGEST: Final = 2000
"""Characters of an error's text that are kept; a handler may raise one of 10 MB."""


LONGEST_TRACEBACK: Final = 8000
"""Characters of a traceback that are kept."""

_ENGINE: Final = "/smoothop/engine/"


def error_text(error: BaseException) -> str:
    """Return ``str(error)``, or the type's name when that is empty or fails."""
    try:
        text = str(error)
    except BaseException as second:  # noqa: BLE001 - user code may raise anything from __str__
        text = f"<{type(error).__name__} whose __str__ raised {type(second).__name__}>"
    return _shortened(text or type(error).__name__)


def typed_text(error: BaseException) -> str:
    """Return the exception's type and text: ``"ValueError: no such table"``."""
    name, text = type(error).__name__, error_text(error)
    return name if text == name else f"{name}: {text}"


def traceback_text(error: BaseException) -> str:
    """Return the exception with its traceback and causes, the middle left out if it is long."""
    try:
        text = "".join(traceback.format_exception(error)).rstrip()
    except BaseException:  # noqa: BLE001 - it asks user code for texts and attributes
        return typed_text(error)
    if len(text) <= LONGEST_TRACEBACK:
        return text
    half = LONGEST_TRACEBACK // 2
    return f"{text[:half]}\n... ({len(text):,} characters)\n{text[-half:]}"


def thread_stack(ident: int | None) -> str:
    """Return where the thread of that identity stands, as a traceback's text."""
    frame = sys._current_frames().get(ident) if ident is not None else None  # noqa: SLF001 - the only way
    return "(the thread has ended)" if frame is None else frame_stack([frame])


def steps_stack(steps: object, thread: int | None) -> str:
    """Return where a coroutine stands that is driven on that thread, as a traceback's text.

    ``Task.get_stack`` gives only its first frame, which is never the line that hangs.
    """
    if _first(steps, "cr_running", "gi_running"):
        return thread_stack(thread)  # it holds up the whole loop
    frames = (_first(each, "cr_frame", "gi_frame", "ag_frame") for each in awaited(steps))
    return frame_stack(frame for frame in frames if frame is not None)


def awaited(steps: object) -> Iterator[Any]:
    """Yield a suspended coroutine, what it awaits, and so on."""
    while steps is not None:
        yield steps
        steps = _first(steps, "cr_await", "gi_yieldfrom", "ag_await")


def frame_stack(frames: Iterable[FrameType]) -> str:
    """Return the calls that led to the first frame, then the other frames, innermost last."""
    lines = []
    for number, frame in enumerate(frames):
        calls = traceback.extract_stack(frame) if number == 0 else traceback.extract_stack(frame, 1)
        lines += traceback.format_list(calls)
    return "".join(lines).rstrip()


def last_line(stack: str) -> str:
    """Return where a stack stands in one line: ``File "x.py", line 3, in f: f()``.

    A handler that waits for something of smoothop's stands at its own line, not at the engine's.
    """
    lines = [line.strip() for line in stack.splitlines()]
    places = [number for number, line in enumerate(lines) if line.startswith("File ")]
    if not places:
        return stack
    place, is_called = places[-1], False
    for number in places:
        if _ENGINE in lines[number].replace("\\", "/"):
            is_called = True
        elif is_called:
            place = number
    return ": ".join(lines[place : place + 2])


def _first(value: object, *names: str) -> Any:
    try:
        return next((found for name in names if (found := getattr(value, name, None))), None)
    except BaseException:  # noqa: BLE001 - a handler may wait for any object
        return None


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}... ({len(text):,} characters)"
