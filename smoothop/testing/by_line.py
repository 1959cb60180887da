"""`LineSwitches`: a switch point at each line of the engine, as the interpreter may make one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import smoothop.engine

_ENGINE: Final = str(Path(smoothop.engine.__file__).parent)
# These hold a real lock for a few steps: to switch in the middle would block for good. What they
# call is left alone as well, as it may be called with the lock held.
_WITH_REAL_LOCK: Final = "MAKING"
_OF_REAL_LOCKS: Final = str(Path(_ENGINE) / "cancellation.py")


class LineSwitches:
    """Calls `switch` at some of the lines that the engine goes through on a thread.

    Args:
        switch: lets another thread on, or not.
        chance: a number from 0 to 1, anew for each line.
        share: of the lines that become switch points; 0: none, and no cost.
    """

    def __init__(
        self, switch: Callable[[], None], chance: Callable[[], float], share: float
    ) -> None:
        self._switch = switch
        self._chance = chance
        self._share = share
        self._known: dict[CodeType, bool] = {}

    def begin(self) -> None:
        """Watch the lines of the calling thread from now on."""
        if self._share:
            sys.settrace(self._call)

    def end(self, before: Any = None) -> None:
        """Watch no longer; `before` is who traced the thread until `begin`."""
        if self._share:
            sys.settrace(before)

    def _call(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event != "call" or not self._may_switch(frame.f_code):
            return None
        caller = frame.f_back
        return None if caller is not None and _locks(caller.f_code) else self._line

    def _may_switch(self, code: CodeType) -> bool:
        known = self._known.get(code)
        if known is None:
            known = code.co_filename.startswith(_ENGINE) and not _locks(code)
            self._known[code] = known
        return known

    def _line(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and self._chance() < self._share:
            self._switch()
        return self._line


def _locks(code: CodeType) -> bool:
    return _WITH_REAL_LOCK in code.co_names or code.co_filename == _OF_REAL_LOCKS
