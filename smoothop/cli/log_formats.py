"""Log records as lines: readable ones for people, JSON for programs."""

from __future__ import annotations

import json
import logging
import math
import time
from datetime import UTC, datetime
from typing import Any

from smoothop.cli.terminal import escape
from smoothop.engine.texts import error_text

_LONGEST = 16_384
_TAIL = 2_048
_FIELDS = (
    *("worker", "attempt", "max_attempts", "attempts", "duration", "error", "reason"),
    "left_out",
)
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}
_NAME_COLOUR, _PLAIN = "\x1b[36m", "\x1b[0m"


class TextFormatter(logging.Formatter):
    """``12:30:01 worker | WARNING message (details)``, each line of a traceback prefixed, too."""

    def __init__(self, width: int = len("smoothop"), *, colour: bool) -> None:
        super().__init__()
        self.width = width
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        stamp = time.strftime("%H:%M:%S", time.localtime(record.created))
        who = escape(getattr(record, "worker", None) or _short(record.name)).ljust(self.width)
        prefix = f"{stamp} {self._painted(who, _NAME_COLOUR)} | "
        level = ""
        if record.levelno >= logging.WARNING:
            level = self._painted(record.levelname, _COLOURS.get(record.levelname, "")) + " "
        first, *rest = (_message(record) + _details(record)).split("\n")
        lines = [level + escape(first), *map(escape, (*rest, *_traceback(self, record)))]
        return "\n".join(prefix + line for line in lines)

    def _painted(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour and colour else text


class JsonFormatter(logging.Formatter):
    """One JSON object per record, on one line; fields that do not apply are left out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        when = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, Any] = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _clipped(str(record.msg)),
            "message": _message(record),
        }
        for name in _FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                entry[name] = _plain(value)
        if record.exc_info and record.exc_info[1] is not None:
            entry["exception"] = self._exception(record, record.exc_info[1])
        if record.stack_info:
            entry["stack"] = _clipped(record.stack_info)
        return json.dumps(entry, allow_nan=False)

    def _exception(self, record: logging.LogRecord, error: BaseException) -> dict[str, str]:
        kind = type(error)
        is_builtin = kind.__module__ == "builtins"
        return {
            "type": kind.__qualname__ if is_builtin else f"{kind.__module__}.{kind.__qualname__}",
            "message": error_text(error),
            "traceback": "\n".join(_traceback(self, record)),
        }


def _plain(value: object) -> object:
    """Return what JSON can say of a value that code of plugins has put into a record."""
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _clipped(str(value))


def _message(record: logging.LogRecord) -> str:
    return _clipped(record.getMessage())


def _details(record: logging.LogRecord) -> str:
    """Return what the record carries besides its message, as ``: error (details)``."""
    fields = vars(record)
    error = _clipped(str(fields["error"])) if fields.get("error") else ""
    details = []
    if fields.get("duration") is not None:
        details.append(f"{fields['duration']:.3g} s")
    if fields.get("attempt") is not None:
        limit = f" of {fields['max_attempts']}" if fields.get("max_attempts") else ""
        details.append(f"attempt {fields['attempt']}{limit}")
    if fields.get("attempts") is not None:
        details.append(f"{fields['attempts']} panics")
    if fields.get("reason"):
        details.append(str(fields["reason"]))
    if fields.get("left_out"):
        details.append(f"{fields['left_out']} before it left out")
    said = f": {error}" if error and error not in record.getMessage() else ""
    return said + (f" ({', '.join(details)})" if details else "")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return _clipped("\n".join(parts)).splitlines()


def _clipped(text: str) -> str:
    """Return `text` without its middle if it is huge; the end of a traceback says most."""
    if len(text) <= _LONGEST:
        return text
    cut = len(text) - _LONGEST
    head = _LONGEST - _TAIL
    return f"{text[:head]}\n[{cut} characters left out]\n{text[-_TAIL:]}"


def _short(logger: str) -> str:
    return "smoothop" if logger.startswith("smoothop.") else logger
