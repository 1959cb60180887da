"""Stops with a deadline, and the report of what did not stop."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from smoothop.engine.completion import Completion
from smoothop.engine.texts import last_line
from smoothop.errors import SmoothopError, StopTimeoutError

if TYPE_CHECKING:
    from smoothop.engine.timers import Timers
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.run import Run

    Parts = Mapping[WorkerCore, Run | None]


def limited(stopped: Completion, parts: Parts, limit: float, timers: Timers) -> Completion:
    """Return a completion of `stopped` that fails with `StopTimeoutError` after `limit` seconds.

    Args:
        stopped: done when all `parts` have ended.
        parts: each worker that was asked to stop, and its run then, if it had one.
        limit: in seconds.
        timers: who counts them.
    """
    if stopped.done():
        return stopped
    cores = tuple(parts)
    outcome = Completion(cores[0].machine, cores, "its own stop")
    outcome.threads = stopped.threads

    def time_is_up() -> None:
        late = [core for core, run in parts.items() if run is not None and core.run is run]
        if late:  # otherwise the last of them is just about to say that it has stopped
            outcome.fail(stop_timeout(late, limit))

    try:
        give_up = timers.call_later(limit, time_is_up)
    except RuntimeError as error:
        outcome.fail(_unwatched(cores, error))
        return outcome

    def pass_on(_: object) -> None:
        give_up()
        outcome.succeed()

    stopped.add_done_callback(pass_on)
    return outcome


def _unwatched(cores: Collection[WorkerCore], error: RuntimeError) -> SmoothopError:
    names = ", ".join(core.name for core in cores)
    failure = SmoothopError(f"{names}: asked to stop, but nobody can watch the timeout: {error}")
    failure.__cause__ = error
    return failure


def stop_timeout(stuck: Collection[WorkerCore], limit: float) -> StopTimeoutError:
    """Return the error that says which workers still run, and where each stands."""
    stacks = {core.name: core.stack() for core in stuck}
    count = "1 worker" if len(stacks) == 1 else f"{len(stacks)} workers"
    lines = [
        f"  {core.name}: {last_line(stack)}" for core in stuck for stack in core.stacks().values()
    ]
    return StopTimeoutError("\n".join([f"{count} did not stop within {limit:g} s", *lines]), stacks)
