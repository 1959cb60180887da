"""`smoothop run` after everything is assembled: start, wait, stop, report."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from smoothop.cli import last_resort
from smoothop.cli.exit_codes import ExitCode
from smoothop.engine.texts import last_line
from smoothop.engine.watching.watchdog import Alarms, set_alarms
from smoothop.errors import SmoothopError, StopTimeoutError
from smoothop.events import LifecycleEvent, StuckEvent

if TYPE_CHECKING:
    from smoothop.cli.signals import SignalLadder
    from smoothop.engine.operator import Operator
    from smoothop.engine.watching.streams import MetricStream


class Announce(Protocol):
    """Shows a message; `level` is a level of `logging`."""

    def __call__(self, text: str, level: int = logging.INFO) -> None:
        """Show it."""
        ...


class Service:
    """Runs an operator in the foreground until it is asked to stop or has nothing left to run.

    Args:
        operator: with its workers added, none started.
        ladder: says when to stop.
        announce: shows messages.
        last_step: called when everything has stopped and was reported.
    """

    def __init__(
        self,
        operator: Operator,
        ladder: SignalLadder,
        announce: Announce,
        last_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._operator = operator
        self._ladder = ladder
        self._announce = announce
        self._last_step = last_step
        self._failure: str | None = None

    def run(self) -> None:
        """Run until the end, then leave the process if work had to be abandoned.

        Raises:
            SystemExit: with the exit code, after a stop that left nothing behind.
        """
        self._start()
        self._ladder.stop_requested.wait()
        waiting = dict(_waiting(self._operator))
        stuck = self._stop()
        self._report(waiting, stuck)
        self._last_step()
        code = ExitCode.FAILED if self._failure else ExitCode.ABANDONED if stuck else ExitCode.OK
        if stuck:
            _flush_stdout()
            self._ladder.leave(code)
        sys.exit(code)

    def _start(self) -> None:
        # What keeps the interpreter's lock keeps the watchdog from telling of it, and everybody.
        set_alarms(self._operator, Alarms(last_resort.tell_in, last_resort.end_after_work))
        stream = self._operator.metrics(kinds=("lifecycle", "stuck"))
        threading.Thread(
            target=self._watch, args=(stream,), name="smoothop-watch", daemon=True
        ).start()
        if self._ladder.stop_requested.is_set():
            return  # asked to stop before anything was started
        try:
            self._operator.start_all()
        except SmoothopError as error:
            self._fail(str(error))

    def _watch(self, stream: MetricStream) -> None:
        """Ask for a stop when the service cannot go on as it is meant to.

        That is when a critical worker, or every worker, has used up its panics, or when one is
        stuck that has ``on_stuck="exit"``.
        """
        failed: set[str] = set()
        for event in stream:
            match event:
                case StuckEvent(worker=name) if self._is_to_exit_for(name):
                    self._fail(f"worker {name!r} is stuck at {last_line(event.stack)}")
                case LifecycleEvent(worker=name, reason="panic limit"):
                    failed.add(name)
                    self._judge(name, failed)
                case LifecycleEvent(worker=name):
                    failed.discard(name)

    def _judge(self, latest: str, failed: set[str]) -> None:
        # By what is there now: a hook plugin may add workers, and change which are critical.
        with suppress(SmoothopError):  # it was removed meanwhile, or the operator closed
            if self._operator.worker(latest).config.critical:
                self._fail(f"critical worker {latest!r} has used up its panics")
            elif failed.issuperset(worker.name for worker in self._operator.workers()):
                self._fail("every worker has used up its panics: nothing is left to run")

    def _is_to_exit_for(self, name: str) -> bool:
        try:
            return self._operator.worker(name).config.on_stuck == "exit"
        except SmoothopError:  # it was removed meanwhile
            return False

    def _fail(self, reason: str) -> None:
        if self._failure is None:
            self._failure = reason
            self._announce(f"{reason}; stopping", logging.ERROR)
            self._ladder.begin_stop()

    def _stop(self) -> dict[str, str]:
        """Close the operator; return where each worker stands that did not stop in time."""
        outcome: list[dict[str, str]] = []
        over = threading.Event()

        def close() -> None:
            outcome.append(_close(self._operator, self._ladder.grace))
            over.set()

        def end_early() -> None:
            self._ladder.grace_ended.wait()
            over.set()

        for target in (close, end_early):
            threading.Thread(target=target, name="smoothop-close", daemon=True).start()
        over.wait()
        return outcome[0] if outcome else _close(self._operator, 0)

    def _report(self, waiting: dict[str, int], stuck: dict[str, str]) -> None:
        for name, count in waiting.items():
            self._announce(f"dropped {count} waiting messages of {name}", logging.WARNING)
        for name, stack in stuck.items():
            self._announce(f"abandoned {name}, which stands at {last_line(stack)}", logging.ERROR)
        if not stuck:
            self._announce("all workers have stopped")


def _waiting(operator: Operator) -> Iterator[tuple[str, int]]:
    for worker in operator.workers():
        depth = worker.snapshot().mailbox_depth
        if depth:
            yield worker.name, depth


def _close(operator: Operator, grace: float) -> dict[str, str]:
    try:
        operator.close(timeout=grace)
    except StopTimeoutError as error:
        return error.stuck
    return {}


def _flush_stdout() -> None:
    """Lose nothing that handlers have printed; if nobody reads it, the ladder ends the wait."""
    with suppress(AttributeError, OSError, ValueError):  # there is none, or nobody reads it
        sys.stdout.flush()
