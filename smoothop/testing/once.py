"""`handle_once`: run one handler once, on the production engine, and see what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from smoothop._durations import Duration
from smoothop.config import Config
from smoothop.engine.messages.receipt import Receipt
from smoothop.handlers import HandlerCalls, handler_calls
from smoothop.results import HandleResult, none
from smoothop.testing.registries import registry_of
from smoothop.testing.virtual import DAY, VirtualOperator

Answer = HandleResult | BaseException | Callable[[Any], HandleResult]
"""What a worker does with a message: return this, raise this, or return what this returns."""

_LOGGER: Final = "smoothop.once"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a handler has dispatched.

    Attributes:
        worker: to whom.
        message: the message itself.
    """

    worker: str
    message: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of a handler came to.

    Attributes:
        result: what `handle` returned; ``None`` after a panic.
        panic: the exception that left `setup` or `handle`, or the `TypeError` about what is no
            `HandleResult`; otherwise ``None``.
        took: virtual seconds that `setup` and `handle` waited.
        sleeps: virtual seconds that the worker would sleep before the next call.
        sent: the messages it dispatched, in order.
        logs: the records it wrote through ``ctx.logger``.
        teardown_error: the exception that left `teardown`, otherwise ``None``.
    """

    result: HandleResult | None
    panic: BaseException | None
    took: float
    sleeps: float
    sent: tuple[Sent, ...]
    logs: tuple[logging.LogRecord, ...]
    teardown_error: BaseException | None


def handle_once(
    handler: Any,
    message: Any = None,
    *,
    name: str = "handler-under-test",
    settings: Any = None,
    dispatches: Mapping[str, Answer] | None = None,
    at_most: Duration = DAY,
) -> Outcome:
    """Run a handler's `setup`, then `handle` once, then `teardown`, on virtual time.

    The production engine runs it, so what that refuses is refused here, and what `handle` raises
    is in the outcome, not raised. See `VirtualOperator` for what is virtual.

    Args:
        handler: what an entry point may name: a class, an object, a function or a factory.
        message: what it gets as ``ctx.message``.
        name: the worker's name.
        settings: for a class with `Settings`: an instance of it, or a mapping to make it from.
        dispatches: the other workers there are: name -> what each does with a message. One that
            is not here does not exist, as in production.
        at_most: virtual seconds that `setup` and `handle` may take.

    Raises:
        InvalidHandlerError: it is no handler; says why.
        ConfigError: the settings are wrong; lists each problem.
        PluginLoadError: its class or factory raised.
        ValueError: it is for messages only, and there is none.
        NotReachedError: it did not return in time.
    """
    calls = handler_calls(_made(handler, name, settings))
    config = calls.config or Config()
    if config.message_only and message is None:
        raise ValueError("message: this handler is only called with one; its config says so")
    tap = _AsyncOnce(calls) if calls.is_async else _Once(calls)
    with _records() as records:
        with _Listening(logger=logging.getLogger(_LOGGER)) as operator:
            for other, answer in (dispatches or {}).items():
                operator.add_handler(other, _other(answer), Config(message_only=True))
            worker = operator.add_handler(name, tap, config)
            if message is not None:
                operator.dispatch(name, message)
                operator.sent.clear()
            operator.start_all()
            operator.run_until(
                lambda: worker.snapshot().handled or worker.snapshot().panics, at_most=at_most
            )
            took = operator.elapsed
            operator.stop(name).wait()
        ours = [record for record in records if getattr(record, "worker", None) == name]
        return _outcome(tap, ours, tuple(operator.sent), took)


class _Listening(VirtualOperator):
    """Keeps what is sent."""

    def __init__(self, *, logger: logging.Logger) -> None:
        self.sent: list[Sent] = []
        super().__init__(logger=logger)

    def dispatch(self, name: str, message: Any, *, timeout: Duration | None = None) -> Receipt:
        receipt = super().dispatch(name, message, timeout=timeout)
        self.sent.append(Sent(name, message))
        return receipt

    async def dispatch_async(
        self, name: str, message: Any, *, timeout: Duration | None = None
    ) -> Receipt:
        receipt = await super().dispatch_async(name, message, timeout=timeout)
        self.sent.append(Sent(name, message))
        return receipt


class _Once:
    """The handler, whose `handle` is called once; after that it waits to be stopped."""

    def __init__(self, calls: HandlerCalls) -> None:
        self.setup, self.teardown = calls.setup, calls.teardown
        self._handle = calls.handle
        self._called = False
        self.returned: Any = None

    def handle(self, ctx: Any) -> Any:
        if self._called:
            ctx.wait()
            return none()
        self._called = True
        self.returned = self._handle(ctx)
        return self.returned


class _AsyncOnce(_Once):
    async def handle(self, ctx: Any) -> Any:
        if self._called:
            await ctx.wait()
            return none()
        self._called = True
        self.returned = await self._handle(ctx)
        return self.returned


def _made(handler: Any, name: str, settings: Any) -> Any:
    if settings is None or isinstance(settings, Mapping):
        return registry_of({name: handler}).create(name, settings)
    return handler(settings)


def _other(answer: Answer) -> Callable[[Any], HandleResult]:
    def handle(ctx: Any) -> HandleResult:
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, HandleResult) else answer(ctx.message)

    return handle


@contextmanager
def _records() -> Iterator[list[logging.LogRecord]]:
    """Collect what is logged; it also goes where everything of smoothop's goes."""
    collector = _Collector()
    logger = logging.getLogger(_LOGGER)
    level = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    try:
        yield collector.records
    finally:
        logger.setLevel(level)
        logger.removeHandler(collector)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _outcome(
    tap: _Once, records: list[logging.LogRecord], sent: tuple[Sent, ...], took: float
) -> Outcome:
    of_handler = tuple(record for record in records if record.name == f"{_LOGGER}.handler")
    own = {str(record.msg): record for record in records if record.name == _LOGGER}
    panic = _exception(own.get("panic recovered"))
    result = tap.returned if panic is None else None
    backoff = getattr(own.get("backing off after panic"), "duration", 0.0)
    return Outcome(
        result=result,
        panic=panic,
        took=took,
        sleeps=backoff if result is None else result.idle,
        sent=sent,
        logs=of_handler,
        teardown_error=_exception(own.get("teardown failed: %s")),
    )


def _exception(record: logging.LogRecord | None) -> BaseException | None:
    return None if record is None or not record.exc_info else record.exc_info[1]
