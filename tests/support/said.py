"""A message in the log that is waited for."""

from __future__ import annotations

import logging
import threading
from typing import Self


class Said(logging.Handler):
    """Waits for a message of the control server in the log; a context manager."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self._wanted, self._said = wanted, threading.Event()
        self.wait = self._said.wait

    def emit(self, record: logging.LogRecord) -> None:
        """Note that it was said."""
        if self._wanted in record.getMessage():
            self._said.set()

    def __enter__(self) -> Self:
        logging.getLogger("smoothop.control").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("smoothop.control").removeHandler(self)
