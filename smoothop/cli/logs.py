"""The log of ``smoothop run``: what is shown of it, and how it gets to stderr.

Everything that is logged in the process is shown, also by the packages of handlers: a worker that
fails inside a library must not fail silently. One level counts for all. Whoever logs waits for
nobody: not for the disk or the terminal, and not for others that log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable

from smoothop.cli.log_formats import JsonFormatter, TextFormatter
from smoothop.cli.outlet import Outlet
from smoothop.cli.terminal import wants_colour
from smoothop.cli.thinning import Thinning
from smoothop.engine.texts import typed_text

ANNOUNCER = "smoothop.cli"
"""Logger name of what `smoothop run` itself has to say; shown whatever the level is."""


class Lines:
    """Shows log records on stderr, and what the command itself has to say among them.

    Until `begin` only warnings and worse are shown: what plugins and engine have to say while
    everything is put together is told by the header.

    Args:
        log_format: ``"text"`` or ``"json"``.
        outlet: where the lines go.
    """

    def __init__(self, log_format: str, outlet: Outlet) -> None:
        self._text = TextFormatter(colour=wants_colour(sys.stderr))
        self._handler = _Handler(outlet)
        self._handler.setFormatter(JsonFormatter() if log_format == "json" else self._text)
        outlet.tell_left_out = self._handler.left_out_line
        logging.getLogger().addHandler(self._handler)

    def begin(self, level: str, names: Iterable[str]) -> None:
        """Show all records from `level` on; `names` are the workers', so that lines align."""
        self._text.width = max(map(len, ("smoothop", *names)))
        logging.getLogger().setLevel(level.upper())

    def announce(self, text: str, level: int = logging.INFO) -> None:
        """Show a message of the command itself, whatever the log level is and however full."""
        self._handler.show(_record(ANNOUNCER, level, text), always=True)


class _Handler(logging.Handler):
    """Makes lines of records on the thread that logs them, and leaves the writing to the outlet."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet
        self._thinning = Thinning()

    def handle(self, record: logging.LogRecord) -> bool:
        """Show a record.

        Without the lock of `logging`: an object that hangs while it is made text of would keep
        every other worker that logs.
        """
        for shown in self._thinning.shown(record):
            self.show(shown)
        return True

    def show(self, record: logging.LogRecord, *, always: bool = False) -> None:
        self._outlet.put(self._line(record), always=always)

    def left_out_line(self, count: int) -> str:
        text = f"{count} log records were left out: stderr could not be written in time"
        return self.format(_record(ANNOUNCER, logging.WARNING, text, left_out=count))

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except Exception as error:  # noqa: BLE001 - whatever the objects in the record raise
            text = (
                f"a log record of {record.name} cannot be shown: {typed_text(error)} "
                f"(logged at {record.pathname}:{record.lineno})"
            )
            return self.format(_record(ANNOUNCER, logging.ERROR, text))


def _record(logger: str, level: int, text: str, **fields: object) -> logging.LogRecord:
    record = logging.LogRecord(logger, level, "", 0, text, None, None)
    vars(record).update(fields)
    return record
