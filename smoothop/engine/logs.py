"""The engine's log records: the messages of the contract, each with the worker's name.

A log handler is user code: one that raises must not end a worker, so every call is fenced. No
call is made while a lock is held.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    LoggerAdapter = logging.LoggerAdapter[logging.Logger]
else:
    LoggerAdapter = logging.LoggerAdapter


class WorkerLog:
    """Writes the records about one worker."""

    __slots__ = ("_logger", "_worker")

    def __init__(self, logger: logging.Logger, worker: str) -> None:
        self._logger = logger
        self._worker = worker

    def info(self, message: str, *args: object, **fields: object) -> None:
        """Write an INFO record; `fields` become attributes of the record."""
        if is_wanted(self._logger, logging.INFO, message):
            self._write(logging.INFO, message, args, None, fields)

    def warning(
        self, message: str, *args: object, cause: BaseException | None = None, **fields: object
    ) -> None:
        """Write a WARNING record, with the traceback of `cause` if given."""
        self._write(logging.WARNING, message, args, cause, fields)

    def stuck(self, message: str, stack: str, **fields: object) -> None:
        """Write a WARNING with the stack of the worker's code."""
        write_stack(self._logger, message, stack=stack, worker=self._worker, **fields)

    def error(
        self, message: str, *args: object, cause: BaseException | None = None, **fields: object
    ) -> None:
        """Write an ERROR record, with the traceback of `cause` if given."""
        self._write(logging.ERROR, message, args, cause, fields)

    def _write(
        self,
        level: int,
        message: str,
        args: tuple[object, ...],
        cause: BaseException | None,
        fields: dict[str, Any],
    ) -> None:
        write(self._logger, level, message, *args, cause=cause, worker=self._worker, **fields)


def write(
    logger: logging.Logger,
    level: int,
    message: str,
    *args: object,
    cause: BaseException | None = None,
    **fields: object,
) -> None:
    """Write a record; `fields` become its attributes. Never raises."""
    if not is_wanted(logger, level, message):
        return
    with fenced(message):
        logger.log(level, message, *args, exc_info=cause, extra=fields)


def write_stack(
    logger: logging.Logger, message: str, *args: object, stack: str, **fields: object
) -> None:
    """Write a WARNING with the stack of some other code, shown as logging shows any stack."""
    level = logging.WARNING
    if not is_wanted(logger, level, message):
        return
    with fenced(message):
        # `Logger.log` can only show the stack of its caller.
        extra = {"stack": stack, **fields}
        here = (__file__, 0)
        record = logger.makeRecord(
            logger.name, level, *here, message, args, None, extra=extra, sinfo=stack
        )
        logger.handle(record)


@contextmanager
def fenced(message: str) -> Iterator[None]:
    """Let nothing out that a log handler raises on `message`: log handlers are user code."""
    try:
        yield
    except BaseException:  # noqa: BLE001 - the fence
        _report_broken_logging(message)


def is_wanted(logger: logging.Logger, level: int, message: str) -> bool:
    """Tell whether a record of that level would be written."""
    try:
        return logger.isEnabledFor(level)
    except BaseException:  # noqa: BLE001 - the fence around loggers, which may be user code
        _report_broken_logging(message)
        return False


def handler_logger(logger: logging.Logger, worker: str) -> LoggerAdapter:
    """Return the logger a handler is given: a child of the operator's, with the worker's name."""
    return naming(logger.getChild("handler"), worker)


def naming(logger: logging.Logger, worker: str) -> LoggerAdapter:
    """Return `logger` so that its records carry the worker's name."""
    return _HandlerLogger(logger, {"worker": worker})


class _HandlerLogger(LoggerAdapter):
    """Adds the worker's name and keeps the caller's own `extra`.

    Python 3.13 has `merge_extra` for this; earlier ones replace the caller's `extra`.
    """

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs


def _report_broken_logging(message: str) -> None:
    # As logging itself does when a handler fails, and under the same switch.
    if logging.raiseExceptions and sys.stderr is not None:
        try:
            sys.stderr.write(f"--- smoothop: a log handler raised on {message!r} ---\n")
            traceback.print_exc()
        except (OSError, ValueError):  # stderr is closed: there is nobody left to tell
            pass
