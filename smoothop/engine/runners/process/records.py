"""Log records of a child, written by the loggers of the parent.

The child sends only what the parent's levels let through, as they were when the child began;
the parent looks again when a record arrives.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from smoothop.engine.logs import fenced
from smoothop.engine.runners.process.carried import Carried, arrived, carry
from smoothop.engine.runners.process.orders import is_light
from smoothop.engine.runners.process.wire import packed, unpacked

Levels = dict[str, int]
"""Name of a logger -> its own level; ``""`` is the root, `_DISABLED` what `logging.disable` set."""

_DISABLED: Final = "\0disabled"


class Shown(NamedTuple):
    """A value of a record, and the text it is shown by where it cannot be made again."""

    pickled: bytes | None
    text: str


def levels(logger: logging.Logger) -> Levels:
    """Return the levels in force in this process, and that of a worker's own `logger`."""
    manager = logging.Logger.manager
    found = {
        name: known.level
        for name, known in list(manager.loggerDict.items())
        if isinstance(known, logging.Logger) and known.level
    }
    own = {logger.name: logger.getEffectiveLevel()}
    return {**found, **own, "": logging.root.level, _DISABLED: manager.disable}


def take_levels(given: Levels) -> None:
    """Put those levels in force here."""
    for name, level in given.items():
        if name == _DISABLED:
            logging.disable(level)
        else:
            logging.getLogger(name).setLevel(level)


class Forwarding(logging.Handler):
    """The child's only log handler: sends each record to the parent."""

    def __init__(self, worker: str, send: Callable[[bytes], None]) -> None:
        super().__init__()
        self._worker = worker
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send it, whatever it holds."""
        try:
            self._send(_body(record, self._worker))
        except OSError:  # the parent is gone: this process ends as well
            pass
        except Exception:  # noqa: BLE001 - a record must not harm the handler that logs
            self.handleError(record)


def write(body: bytes) -> None:
    """Hand a record that has arrived to the logger of its name; never raises."""
    with fenced("a record of a child process"):
        values = {name: _received(value) for name, value in unpacked(body).items()}
        raised = values["exc_info"]
        if raised is not None:
            values["exc_info"] = (type(raised), raised, None)
        record = logging.makeLogRecord(values)
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


def _body(record: logging.LogRecord, worker: str) -> bytes:
    values = dict(vars(record))
    values.setdefault("worker", worker)
    values["msg"], values["args"] = record.getMessage(), None
    values["exc_info"] = record.exc_info[1] if record.exc_info else None
    values["exc_text"] = None  # made anew by who formats it there
    return packed({name: _sendable(value) for name, value in values.items()})


def _sendable(value: Any) -> Any:
    if isinstance(value, BaseException):
        return carry(value)
    if type(value) is str or is_light(value):
        return value
    # By itself, so that it takes nothing with it when it cannot be made again.
    try:
        pickled = packed(value)
    except Exception:  # noqa: BLE001 - pickling runs the code of the value's class
        pickled = None
    return Shown(pickled, _text(value))


def _text(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - the same
        return f"<{type(value).__name__} whose __repr__ raised {type(error).__name__}>"


def _received(value: Any) -> Any:
    if type(value) is Carried:
        return arrived(value)
    if type(value) is not Shown:
        return value
    try:
        return value.text if value.pickled is None else unpacked(value.pickled)
    except BaseException:  # noqa: BLE001 - the same; its class may also be missing here
        return value.text
