"""Holding a name: the lock that only one process can have, and the socket beside it.

The lock decides, and nothing else: it is the kernel's, so it is gone with the process that held
it, however that ended. What a crash leaves behind, the socket and what is written in the lock file,
is replaced by whoever gets the lock next.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from smoothop.control.errors import ControlStartError, NameTakenError
from smoothop.control.place import LONGEST, Place, places

WAY_OUT: Final = "or go without control: --no-control"
BACKLOG: Final = 1024
"""Connections that may wait to be accepted."""
_TRIES: Final = 1000
"""How often one looks, a millisecond apart, whether it is one's turn to see who has which name.

Counted and not timed: where everything stood still for a second, whoever has the turn did, too.
"""


class Claim:
    """A name that is held until `release`, or until the process ends.

    Attributes:
        place: where.
        listener: the socket, which listens.
    """

    def __init__(self, place: Place, lock: int, listener: socket.socket) -> None:
        self.place = place
        self.listener = listener
        self._lock: int | None = lock
        _claims.add(self)

    def release(self) -> None:
        """Give the name back; does nothing the second time."""
        if self._lock is None:
            return
        self.listener.close()
        self.hide()
        with suppress(OSError):
            os.ftruncate(self._lock, 0)
        self.forget()

    def hide(self) -> None:
        """Let nobody find the socket any more; the name is still held."""
        with suppress(OSError):  # whoever comes next replaces it
            self.place.socket.unlink()

    def forget(self) -> None:
        """Close this process's hold on the lock."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def claim(name: str, environ: Mapping[str, str], started_at: float) -> Claim:
    """Take the name for this process and listen on its socket.

    Args:
        name: the operator's name.
        environ: says where the socket is; see `places`.
        started_at: seconds since the epoch, for whoever wants the same name.

    Raises:
        NameTakenError: another process has it; says which and since when.
        ControlStartError: there is no place for it; says why.
    """
    found = places(name, environ)
    if not found:
        raise ControlStartError(
            "there is no place for the control socket: neither XDG_RUNTIME_DIR nor HOME is set; "
            f"set one of them, {WAY_OUT}"
        )
    place = found[0]
    if place.is_too_long:
        raise ControlStartError(
            f"{place.socket} is too long for a socket ({LONGEST} bytes at most): take a shorter "
            f"--name or XDG_RUNTIME_DIR, {WAY_OUT}"
        )
    _prepare(place.directory)
    with _in_turn(place.directory):
        lock = _locked(place)
        _write(lock, place, {"pid": os.getpid(), "started_at": started_at, "name": name})
    try:
        for other in found[1:]:
            _refuse_held(other)
        return Claim(place, lock, _listening(place.socket))
    except BaseException:
        os.close(lock)
        raise


def _prepare(directory: Path) -> None:
    """Make the directory and see that nobody else can write to it."""
    try:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ControlStartError(
                f"{directory} is not a directory of this user: remove it, set XDG_RUNTIME_DIR to "
                f"one that is, {WAY_OUT}"
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            directory.chmod(0o700)
    except OSError as error:
        raise _no_room(directory, error) from error


@contextmanager
def _in_turn(directory: Path) -> Iterator[None]:
    """Let no other process look whose a name is between its locking and the writing of by whom."""
    door = os.open(directory, os.O_RDONLY)
    try:
        for _ in range(_TRIES):
            if _is_locked(door):
                break
            time.sleep(0.001)
        yield
    finally:
        os.close(door)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(place: Place) -> int:
    try:
        lock = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _no_room(place.lock, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _taken(place, lock) from None
    except OSError as error:  # a file system without locks
        os.close(lock)
        raise _no_room(place.lock, error) from error
    return lock


def _refuse_held(place: Place) -> None:
    """Refuse a name that is held at the other place where clients look."""
    try:
        lock = os.open(place.lock, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # there is none
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _taken(place, lock) from None
    except OSError:
        pass
    os.close(lock)


def _taken(place: Place, lock: int) -> NameTakenError:
    """Return the error that names the holder, by what it has written."""
    try:
        written = json.loads(os.pread(lock, 4096, 0))
        pid, since = int(written["pid"]), float(written["started_at"])
        day = datetime.fromtimestamp(since).astimezone().isoformat(" ", "seconds")
        holder = f"process {pid}, since {day}"
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        pid, holder = None, f"the process that holds {place.lock}"
    finally:
        os.close(lock)
    return NameTakenError(
        f"an operator {place.name!r} runs already ({holder}): choose another --name, or stop "
        "that one",
        place.name,
        pid,
    )


def _write(lock: int, place: Place, content: dict[str, Any]) -> None:
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(content).encode(), 0)
    except OSError as error:
        os.close(lock)
        raise _no_room(place.lock, error) from error


def _listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)  # left behind by a crash: we have the lock
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _no_room(path, error) from error
    return listener


def _no_room(path: Path, error: OSError) -> ControlStartError:
    return ControlStartError(
        f"{path} cannot be made: {error.strerror or error}; set XDG_RUNTIME_DIR to a directory of "
        f"yours that can be written to, {WAY_OUT}"
    )


_claims: weakref.WeakSet[Claim] = weakref.WeakSet()


def _after_fork() -> None:
    # The lock belongs to all who hold it open: a child that outlives us would keep the name.
    for held in list(_claims):
        held.forget()
        held.listener.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
