"""Stops with a deadline, and the report of what did not stop."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from smoothop.engine.completion import Completion
from smoothop.errors import StopTimeoutError

if TYPE_CHECKING:
    from smoothop.engine.core import WorkerCore
    from smoothop.engine.timers import Timers

    Parts = Mapping[WorkerCore, Completion]


def limited(stopped: Completion, parts: Parts, limit: float, timers: Timers) -> Completion:
    """Return a completion of `stopped` that fails with `StopTimeoutError` after `limit` seconds.

    Args:
        stopped: done when all `parts` are.
        parts: each worker that was asked to stop, and the completion of its stop.
        limit: in seconds.
        timers: who counts them.
    """
    if stopped.done():
        return stopped
    cores = tuple(parts)
    outcome = Completion(cores[0].machine, cores, "its own stop")
    outcome.threads = stopped.threads
    give_up = timers.call_later(limit, lambda: outcome.fail(stop_timeout(_late(parts), limit)))

    def pass_on(_: object) -> None:
        give_up()
        outcome.succeed()

    stopped.add_done_callback(pass_on)
    return outcome


def stop_timeout(stuck: Collection[WorkerCore], limit: float) -> StopTimeoutError:
    """Return the error that says which workers still run, and where each stands."""
    stacks = {core.name: core.stack() for core in stuck}
    count = "1 worker" if len(stacks) == 1 else f"{len(stacks)} workers"
    lines = [f"  {name}: {_last_line(stack)}" for name, stack in stacks.items()]
    return StopTimeoutError("\n".join([f"{count} did not stop within {limit:g} s", *lines]), stacks)


def _late(parts: Parts) -> list[WorkerCore]:
    # Not those that run: one that has stopped may have been started again since.
    return [core for core, part in parts.items() if not part.done()]


def _last_line(stack: str) -> str:
    """Return the innermost place of a stack in one line: ``File "x.py", line 3, in f: f()``."""
    lines = stack.splitlines()
    places = [number for number, line in enumerate(lines) if line.lstrip().startswith("File ")]
    if not places:
        return stack
    return ": ".join(line.strip() for line in lines[places[-1] : places[-1] + 2])
