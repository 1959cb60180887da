"""What an import of a plugin must not change in the process, put right again."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from smoothop.engine.logs import write

if TYPE_CHECKING:
    from smoothop.plugins.info import HandlerInfo, PluginInfo

logger = logging.getLogger("smoothop.plugins")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def undone(info: HandlerInfo | PluginInfo, way_out: str) -> Iterator[None]:
    """Put the working directory and the handlers of SIGINT and SIGTERM back after the block.

    Relative paths and the way to stop the process belong to who runs it. What was changed is
    logged, with the plugin's name.
    """
    directory, handlers = _directory(), [signal.getsignal(number) for number in SIGNALS]
    try:
        yield
    finally:
        changed = [
            number.name
            for number, handler in zip(SIGNALS, handlers, strict=True)
            if _put_back_handler(number, handler)
        ]
        if _put_back_directory(directory):
            changed.append("the working directory")
        if changed:
            what = " and ".join(changed)
            message = "%s has changed %s when it was imported; this was undone%s"
            write(logger, logging.WARNING, message, info.label, what, way_out)


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - a deleted one must not fail, and it is a plain string
    except OSError:
        return None


def _put_back_directory(directory: str | None) -> bool:
    if directory is None or _directory() == directory:
        return False
    with suppress(OSError):  # it has been deleted meanwhile
        os.chdir(directory)
    return True


def _put_back_handler(number: signal.Signals, handler: Any) -> bool:
    # A handler that was not set from Python (None) cannot be set; another thread can set none.
    if handler is None or signal.getsignal(number) is handler:
        return False
    with suppress(ValueError):
        signal.signal(number, handler)
    return True
