"""`Wear`: when a child has to make place for a fresh one."""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

_STATM: Final = "/proc/self/statm"
_MIB: Final = 1 << 20


class Wear:
    """Looks whether the child has used up what it may use."""

    def __init__(self, max_memory: int, max_handles: int) -> None:
        self._max_memory = max_memory
        self._max_handles = max_handles
        self._handles = 0

    def called(self) -> None:
        """Count a call."""
        self._handles += 1

    def why(self) -> str | None:
        """Return why it is worn, or ``None``."""
        if 0 < self._max_handles <= self._handles:
            return f"it has handled {self._handles} times (max_handles)"
        if self._max_memory and (used := resident_memory()) > self._max_memory:
            most = _size_text(self._max_memory)
            return f"it holds {_size_text(used)} of memory, more than {most} (max_memory)"
        return None


def _size_text(size: int) -> str:
    # A small one may be a slip, as 512 is for 512 MiB: that should be seen.
    return f"{size / _MIB:.0f} MiB" if size >= _MIB else f"{size} bytes"


def resident_memory() -> int:
    """Return how many bytes of memory this process holds now.

    Where there is no ``/proc``, the most it has ever held: the next best that the system tells.
    """
    try:
        with open(_STATM, "rb") as file:  # noqa: PTH123 - pathlib would be imported for this alone
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
