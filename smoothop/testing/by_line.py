"""`LineSwitches`: a switch point at each line of the engine, as the interpreter may make one."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from functools import cache
from math import sqrt
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import smoothop.engine

_ENGINE: Final = str(Path(smoothop.engine.__file__).parent)
# These hold a real lock for a few steps: to switch in the middle would block for good. What they
# call is left alone as well, as it may be called with the lock held.
_WITH_REAL_LOCK: Final = "MAKING"
_OF_REAL_LOCKS: Final = str(Path(_ENGINE) / "cancellation.py")

Trace = Callable[[FrameType, str, Any], Any]


class LineSwitches:
    """Calls `switch` at some of the lines that the engine goes through on a thread.

    To be told of a line costs more than the line. So of the calls that are soon over only some are
    watched, and in these more of the lines become switch points: two of them, in two calls, are as
    likely as if all were watched. What has a ``while`` may go on for a whole simulation: it always
    is.

    Args:
        switch: lets another thread on, or not.
        chance: a number from 0 to 1, anew each time.
        share: of the lines that become switch points, on the whole; 0: none, and no cost.
    """

    def __init__(
        self, switch: Callable[[], None], chance: Callable[[], float], share: float
    ) -> None:
        self._chance = chance
        self._watched = sqrt(share)
        self._in_loops = _at_some_lines(switch, chance, share)
        self._in_watched = _at_some_lines(switch, chance, self._watched)

    def begin(self) -> None:
        """Watch the lines of the calling thread from now on."""
        if self._watched:
            sys.settrace(self._call)

    def end(self, before: Any = None) -> None:
        """Watch no longer; `before` is who traced the thread until `begin`."""
        if self._watched:
            sys.settrace(before)

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Trace | None:
        code = frame.f_code
        if not _is_engine(code.co_filename):
            return None
        loops = _loops(code)
        if not loops and self._chance() >= self._watched:
            return None
        caller = frame.f_back
        if _locks(code) or (caller is not None and _locks(caller.f_code)):
            return None
        return self._in_loops if loops else self._in_watched


def _at_some_lines(switch: Callable[[], None], chance: Callable[[], float], share: float) -> Trace:
    def trace(_frame: FrameType, event: str, _argument: Any) -> Trace:
        if event == "line" and chance() < share:
            switch()
        return trace

    return trace


@cache
def _is_engine(filename: str) -> bool:
    return filename.startswith(_ENGINE)


_known: dict[int, bool] = {}


def _loops(code: CodeType) -> bool:
    """Tell whether a function of the engine has a ``while``: it may go on for a whole simulation.

    A ``for`` over what there is ends soon, and whoever awaits is called anew when that is over.
    """
    # By its number: to hash code takes longer than all the rest, and the engine's stays.
    known = _known.get(id(code))
    if known is None:
        known = _known[id(code)] = any(_is_back_to_a_while(code))
    return known


def _is_back_to_a_while(code: CodeType) -> Iterator[bool]:
    steps = {step.offset: step for step in dis.get_instructions(code)}
    for step in steps.values():
        if "JUMP_BACKWARD" in step.opname:
            yield steps[step.argval].opname not in ("FOR_ITER", "SEND")


def _locks(code: CodeType) -> bool:
    return _WITH_REAL_LOCK in code.co_names or code.co_filename == _OF_REAL_LOCKS
