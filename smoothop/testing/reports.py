"""`Stalled`, and the report of where every thread stands."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smoothop.testing.threads import SimThread

MOST_CALLS: Final = 12
"""How many of a thread's innermost calls a report shows."""

FOREIGN: Final = (
    "a thread that is not simulated has used a simulated operator: a handler that needs threads of "
    "its own, or a test that does, needs a real Operator"
)

_OURS: Final = frozenset(
    str(Path(__file__).with_name(f"{name}.py"))
    for name in ("scheduler", "timers", "threads", "locks", "carriers", "event_loop")
)


class Stalled(AssertionError):  # noqa: N818 - what happened, as in StopIteration
    """The simulation cannot end: everybody waits for ever, or somebody goes round for ever."""


class Failed(BaseException):
    """Raised in every thread of a simulation that has failed, where it stands."""


def report(what: str, threads: Iterable[SimThread]) -> str:
    """Return `what` has happened, and the stack of each of the threads."""
    frames = sys._current_frames()  # noqa: SLF001 - the only way
    lines = [f"{what}; the threads stand here:"]
    for thread in threads:
        frame = frames.get(thread.ident or 0)
        stack = [] if frame is None else traceback.extract_stack(frame)
        calls = [call for call in stack if call.filename not in _OURS][-MOST_CALLS:]
        state = "waits" if thread.waits else "could run"
        lines.append(f"--- {thread.label} ({state}, holds {thread.held} locks)")
        lines.append("".join(traceback.format_list(calls)))
    return "\n".join(lines)
