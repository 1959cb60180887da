"""How a handler behaves when it runs, panics, stops and starts again; run by `probe`.

On a real operator: it shows what virtual time cannot, threads, descriptors and blocking calls.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from smoothop._durations import seconds
from smoothop.config import Config
from smoothop.engine.operator import Operator
from smoothop.errors import StopTimeoutError
from smoothop.handlers import HandlerCalls, handler_calls
from smoothop.plugins.loading import located
from smoothop.results import HandleResult, done
from smoothop.testing.report import Finding, Severity

PATIENCE: Final = 2.0
"""Seconds that a call has to return. A handler that waits longer for work is not wrong."""

MARGIN: Final = 0.25
"""Seconds that a stop may take beyond the grace time."""


class Disturbance(Exception):  # noqa: N818 - not an error of anybody's
    """Raised after `setup` and `handle` have returned, as if they had failed at their last line."""


def behaviour_of(
    handler: Any, name: str, plugin: str, messages: Iterable[Any], workers: Iterable[str]
) -> list[Finding]:
    """Run the handler, disturb it, stop it, run it again, and return what is not right."""
    return list(_Trial(handler, name, plugin, list(messages), list(workers)).findings())


class _Trial:
    """One handler on one operator."""

    def __init__(
        self, handler: Any, name: str, plugin: str, messages: list[Any], workers: list[str]
    ) -> None:
        self._name, self._plugin = name, plugin
        self._messages, self._has_messages = messages or ["smoothop check"], bool(messages)
        self._workers = workers
        calls = handler_calls(handler)
        self._tap = _AsyncTap(calls) if calls.is_async else _Tap(calls)
        self._config = replace(
            calls.config or Config(), panic_backoff=0.01, panic_backoff_max=0, max_panic_attempts=0
        )
        self._grace = seconds(self._config.stop_grace, "stop_grace")

    def findings(self) -> Iterator[Finding]:
        """Yield them, in the order of the trial."""
        threads, descriptors = set(threading.enumerate()), _descriptors()
        operator = Operator(close_timeout=1)
        for other in self._workers:
            operator.add_handler(other, lambda _: done(), Config(message_only=True))
        operator.add_handler(self._name, self._tap, self._config)
        operator.start_all()
        self._send(operator)
        self._tap.undisturbed.wait(PATIENCE)
        stuck = self._stop(operator)
        if stuck is None:
            self._tap.begin_again()
            operator.start(self._name)
            self._send(operator)
            self._tap.undisturbed.wait(PATIENCE)
            stuck = self._stop(operator)
        if stuck is not None:
            yield stuck
        else:
            operator.close()
        yield from self._facts()
        if stuck is None:
            yield from self._left(threads, descriptors)

    def _send(self, operator: Operator) -> None:
        for message in self._messages * 2:  # the first is lost to the disturbance
            operator.dispatch(self._name, message, timeout=PATIENCE)

    def _stop(self, operator: Operator) -> Finding | None:
        try:
            operator.stop(self._name, timeout=self._grace + MARGIN).result()
        except StopTimeoutError as error:
            stack = error.stuck[self._name].strip().splitlines()
            return self._found(
                "error",
                f"it does not stop within {self._grace:g} s; it stands at {stack[-2:]}",
                "The program cannot end cleanly while it runs",
                "Wait with ctx.wait(), look at ctx.cancelled in loops, and give timeouts to calls",
            )
        return None

    def _facts(self) -> Iterator[Finding]:
        for result in self._tap.wrong[:1]:
            yield self._found(
                "error",
                f"handle returned {result!r}",
                "That counts as a panic",
                "Return none(...), done(...) or fail(...)",
            )
        for stage, error in self._tap.raised.items():
            if stage in _EXPLAINED:
                yield self._found("error", f"{stage}: {error}", *_EXPLAINED[stage])
            elif self._has_messages or not self._config.message_only:
                yield self._found(
                    "remark",
                    f"{stage}: {error}",
                    "The worker backs off as after a bug, with a traceback in the log",
                    "Return fail(error, idle=...) for what can be expected",
                )

    def _left(self, threads: set[threading.Thread], descriptors: set[str]) -> Iterator[Finding]:
        gc.collect()
        left = [f"thread {thread.name!r}" for thread in _new_threads(threads)]
        left += [f"open file {what}" for what in sorted(_descriptors() - descriptors)]
        for what in left:
            yield self._found(
                "error",
                f"after its stop there is still {what}",
                "Each stop and start leaves one more",
                "End and close in teardown() what setup() and handle() have begun",
            )

    def _found(self, severity: Severity, what: str, why: str, advice: str) -> Finding:
        return Finding(severity, self._plugin, what, why, advice)


_EXPLAINED: Final = {
    "setup raised": (
        "The worker never gets to work",
        "Give check_plugin settings with which it can run, or look at the line",
    ),
    "setup raised when it was tried again": (
        "A setup that fails is tried again, so it must cope with what a try before has left",
        "Let setup() put right what is there already",
    ),
    "setup raised at the second start": (
        "A worker can be stopped and started again",
        "Let setup() make anew what teardown() has ended",
    ),
    "teardown raised": (
        "What comes after that line is not cleaned up",
        "Let teardown() cope with whatever setup() has left",
    ),
}


class _Tap:
    """Stands between the engine and the handler: disturbs, and notes what comes back.

    Attributes:
        wrong: what `handle` returned that is no result.
        raised: at which stage something left the handler -> what and where; the first of each.
        undisturbed: a `handle` has returned and was let be.
    """

    def __init__(self, calls: HandlerCalls) -> None:
        self.wrong: list[Any] = []
        self.raised: dict[str, str] = {}
        self.undisturbed = threading.Event()
        self._calls = calls
        self._is_first_start = True
        self._setups = self._handles = 0
        if calls.setup is not None:
            self.setup = self._setup
        if calls.teardown is not None:
            self.teardown = self._teardown

    def begin_again(self) -> None:
        """Expect a second start, which is not disturbed."""
        self.undisturbed.clear()
        self._is_first_start = False

    def handle(self, ctx: Any) -> Any:
        with self._noting("handle raised", ctx):
            result = self._calls.handle(ctx)
        return self._handled(result)

    def _setup(self, ctx: Any) -> Any:
        with self._noting(self._setup_stage(), ctx):
            self._calls.setup(ctx)  # type: ignore[misc]  # there is one
        self._was_set_up()

    def _teardown(self, ctx: Any) -> Any:
        with self._noting("teardown raised", None):
            self._calls.teardown(ctx)  # type: ignore[misc]  # there is one

    def _handled(self, result: Any) -> Any:
        self._handles += 1
        if not isinstance(result, HandleResult):
            self.wrong.append(result)
        elif self._handles == 1:
            raise Disturbance
        self.undisturbed.set()
        return result

    def _setup_stage(self) -> str:
        if not self._is_first_start:
            return "setup raised at the second start"
        return "setup raised when it was tried again" if self._setups else "setup raised"

    def _was_set_up(self) -> None:
        self._setups += 1
        if self._setups == 1:
            raise Disturbance

    @contextmanager
    def _noting(self, stage: str, ctx: Any) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            # As text: the exception holds the frames of the handler, and what those hold.
            if ctx is None or not ctx.cancelled:  # what it raises because of a stop is no panic
                self.raised.setdefault(stage, located(error))
            raise


class _AsyncTap(_Tap):
    async def handle(self, ctx: Any) -> Any:
        with self._noting("handle raised", ctx):
            result = await self._calls.handle(ctx)
        return self._handled(result)

    async def _setup(self, ctx: Any) -> Any:
        with self._noting(self._setup_stage(), ctx):
            await self._calls.setup(ctx)  # type: ignore[misc]  # there is one
        self._was_set_up()

    async def _teardown(self, ctx: Any) -> Any:
        with self._noting("teardown raised", None):
            await self._calls.teardown(ctx)  # type: ignore[misc]  # there is one


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    for thread in set(threading.enumerate()) - before:
        thread.join(MARGIN)  # what was asked to end may be on its way out
    # Those of asyncio.to_thread belong to the event loop, not to the handler.
    left = set(threading.enumerate()) - before
    return [thread for thread in left if not thread.name.startswith("asyncio_")]


def _descriptors() -> set[str]:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():  # there is no way to ask on this platform
        return set()
    return {target for entry in list(folder.iterdir()) if (target := _target(entry))}


def _target(entry: Path) -> str | None:
    try:
        return f"{entry.name} ({entry.readlink()})"
    except OSError:  # the one that listed the directory
        return None
