"""The stacks of an operator that cannot answer: written by its process when it gets a signal.

The handler is `faulthandler`'s, in C: it writes where every thread stands even while some code
keeps the interpreter to itself. While threads run Python code, though, it may read what is just
being freed, and that ends the process (in one of about 150 dumps, with six busy threads). So only
a process that answers in no other way is asked, and not while several of its threads run: those
take turns, and so will the thread that answers.
"""

from __future__ import annotations

import faulthandler
import fcntl
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from smoothop.control.errors import ControlError, OperatorNotRunningError
from smoothop.control.place import Place

SIGNAL: Final = signal.SIGUSR2

_PATIENCE: Final = 5.0
_PAUSE: Final = 0.1
_LOOK: Final = 0.3


class StackDump:
    """Writes the stacks of this process to a file beside the control socket, at each `SIGNAL`.

    To be made on the main thread.

    Args:
        place: that of the operator's socket; its directory exists.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, place: Place) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW
        self._path = place.dump
        self._file = os.open(self._path, flags, 0o600)
        # What is in force again after `close`: a signal that comes late must not end the process.
        signal.signal(SIGNAL, signal.SIG_IGN)
        faulthandler.register(SIGNAL, file=self._file, all_threads=True)

    def close(self) -> None:
        """Ignore the signal from now on and remove the file."""
        faulthandler.unregister(SIGNAL)
        os.close(self._file)
        with suppress(OSError):
            self._path.unlink()


def takes_turns(place: Place) -> bool:
    """Tell whether the operator there is only slow: several of its threads are running.

    Linux only; elsewhere it is not known, and the answer is no.
    """
    pid = holder(place)
    if pid is None:
        return False
    before = _processor_times(pid)
    time.sleep(_LOOK)
    after = _processor_times(pid)
    return sum(after[thread] > before.get(thread, 0) for thread in after) > 1


def ask_for_dump(place: Place) -> str:
    """Have the operator there write its stacks, and return what it has written.

    Raises:
        OperatorNotRunningError: nobody holds the name.
        ControlError: its process does not write stacks.
    """
    pid = holder(place)
    if pid is None:
        raise OperatorNotRunningError(f"no operator {place.name!r} runs: nobody holds {place.lock}")
    if _process_state(pid) == "T":
        raise ControlError(f"process {pid} is suspended: 'kill -CONT {pid}' lets it go on")
    if not place.dump.is_file() or not _catches(pid):
        raise ControlError(f"process {pid} does not write its stacks to {place.dump}")
    os.truncate(place.dump, 0)
    os.kill(pid, SIGNAL)
    return _settled(place.dump, pid)


def holder(place: Place) -> int | None:
    """Return the process that holds the name at this place; ``None`` if none does."""
    try:
        lock = os.open(place.lock, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(json.loads(os.pread(lock, 4096, 0))["pid"])
    finally:
        os.close(lock)
    return None


def _catches(pid: int) -> bool:
    """Tell whether the signal would not end the process, as far as the system says."""
    if sys.platform != "linux":
        return True
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (SIGNAL - 1) & 1)
    return False


def _process_state(pid: int) -> str:
    """Return the letter that the system has for what the process does, if it tells."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def _processor_times(pid: int) -> dict[str, int]:
    """Return thread -> ticks of processor time it has used; nothing if the system does not say."""
    times = {}
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # it has just ended
            fields = stat.read_text().rpartition(")")[2].split()
            times[stat.parent.name] = int(fields[11]) + int(fields[12])
    return times


def _settled(path: Path, pid: int) -> str:
    """Return what is in the file once nothing more comes; a handler in C tells nobody its end."""
    deadline, text = time.monotonic() + _PATIENCE, ""
    while time.monotonic() < deadline:
        time.sleep(_PAUSE)
        before, text = text, path.read_text(errors="replace")
        if text and text == before:
            return text
    raise ControlError(f"process {pid} has not written its stacks within {_PATIENCE:g} s")
