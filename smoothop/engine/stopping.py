"""Stops with a deadline, and the report of what did not stop."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from smoothop.engine.completion import Completion
from smoothop.errors import StopTimeoutError

if TYPE_CHECKING:
    from smoothop.engine.core import WorkerCore
    from smoothop.engine.timers import Timers


def limited(
    stopped: Completion, cores: Collection[WorkerCore], limit: float, timers: Timers
) -> Completion:
    """Return a completion of `stopped` that fails with `StopTimeoutError` after `limit` seconds."""
    if stopped.done():
        return stopped
    machine = next(iter(cores)).machine
    outcome = Completion(machine, cores, "its own stop")
    outcome.threads = stopped.threads
    give_up = timers.call_later(limit, lambda: outcome.fail(stop_timeout(cores, limit)))

    def pass_on(_: object) -> None:
        give_up()
        outcome.succeed()

    stopped.add_done_callback(pass_on)
    return outcome


def stop_timeout(cores: Collection[WorkerCore], limit: float) -> StopTimeoutError:
    """Return the error that says which of `cores` still run, and where each stands."""
    stuck = {core.name: core.stack() for core in cores if core.is_running()}
    count = "1 worker" if len(stuck) == 1 else f"{len(stuck)} workers"
    lines = [f"  {name}: {_last_line(stack)}" for name, stack in stuck.items()]
    return StopTimeoutError("\n".join([f"{count} did not stop within {limit:g} s", *lines]), stuck)


def _last_line(stack: str) -> str:
    """Return the innermost place of a stack in one line: ``File "x.py", line 3, in f: f()``."""
    lines = stack.splitlines()
    places = [number for number, line in enumerate(lines) if line.lstrip().startswith("File ")]
    if not places:
        return stack
    return ": ".join(line.strip() for line in lines[places[-1] : places[-1] + 2])
