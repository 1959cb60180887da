"""`LineSwitches`: a switch point at each line of the engine, as the interpreter may make one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import smoothop.engine

_ENGINE: Final = str(Path(smoothop.engine.__file__).parent)
# These use real locks for a few steps: to switch in the middle would block for good.
_NEVER_SWITCHED: Final = ("MAKING", "SYSTEM")


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
        self._traced: dict[CodeType, bool] = {}

    def begin(self) -> None:
        """Watch the lines of the calling thread from now on."""
        if self._share:
            sys.settrace(self._call)

    def end(self, before: Any = None) -> None:
        """Watch no longer; `before` is who traced the thread until `begin`."""
        if self._share:
            sys.settrace(before)

    def _call(self, frame: FrameType, event: str, _argument: Any) -> Any:
        code = frame.f_code
        traced = self._traced.get(code)
        if traced is None:
            traced = code.co_filename.startswith(_ENGINE) and not any(
                name in code.co_names for name in _NEVER_SWITCHED
            )
            self._traced[code] = traced
        return self._line if traced and event == "call" else None

    def _line(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and self._chance() < self._share:
            self._switch()
        return self._line
