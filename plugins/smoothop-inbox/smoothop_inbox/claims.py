"""Claims: which inbox has which file, and whether that inbox is still alive.

Each inbox has a folder of its own in ``.claims/``; to claim a file is to rename it into that
folder, which succeeds for one inbox only. A file named ``lock`` beside the claims is locked
(``flock``) as long as the inbox lives: the kernel lets go of it when the process ends, however
it ends. That needs no process ids, which are used again, and holds between two inboxes in one
process as well, since each has opened the lock file for itself.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = "lock"
_FILES = "files"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file that belongs to this inbox: where it is now, and its name when it was dropped."""

    path: Path
    name: str
    folder: ClaimFolder


class ClaimFolder:
    """The folder of one inbox in ``.claims/``, locked by this process."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, claims: Path) -> Self:
        """Make and lock a folder that no other inbox has.

        Raises:
            OSError: it cannot be made, or the file system has no locks.
        """
        while True:
            path = claims / _new_name()
            path.mkdir()
            folder = cls.lock(path)
            # Another inbox that starts now may have taken the new folder for that of a dead one.
            if folder is not None:
                with suppress(FileExistsError):
                    (path / _FILES).mkdir()
                return folder

    @classmethod
    def lock(cls, path: Path) -> Self | None:
        """Lock the folder; ``None`` if a live inbox has it, or has just removed it.

        Raises:
            OSError: the lock cannot be opened, or the file system has no locks.
        """
        try:
            lock = os.open(
                path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None  # no claims, or those of another user, who will take them up
        folder = cls(path, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except BaseException:
            os.close(lock)
            raise
        if folder.is_there():
            return folder
        folder.unlock()
        return None

    def is_there(self) -> bool:
        """Tell whether the lock that is held is still the one that others find in this place."""
        held = os.fstat(self._lock)
        try:
            found = (self.path / _LOCK).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return os.path.samestat(held, found)

    def claim(self, source: Path) -> Claimed:
        """Take a file by renaming it.

        Raises:
            FileNotFoundError: another inbox has it already, or the folder is gone.
            OSError: it cannot be renamed.
        """
        # The folder holds one file at a time under this inbox's lock, so nothing is overwritten.
        target = self.path / _FILES / source.name
        source.rename(target)
        return Claimed(target, source.name, self)

    def files(self) -> Iterator[Claimed]:
        """Give the files in it, by name."""
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(self.path / _FILES)):  # noqa: PTH208 - names, not paths
                yield Claimed(self.path / _FILES / name, name, self)

    def release(self) -> None:
        """Unlock the folder; remove it if no file is in it."""
        try:
            # rmdir refuses a folder that is not empty: no file can be lost here.
            with suppress(FileNotFoundError):
                (self.path / _FILES).rmdir()
            (self.path / _LOCK).unlink(missing_ok=True)
            self.path.rmdir()
        except OSError:
            pass  # files are in it: they are taken up at the next start
        finally:
            self.unlock()

    def unlock(self) -> None:
        """Let go of the lock; a child that inherited the descriptor does not keep it either."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        os.close(self._lock)


def abandoned(claims: Path) -> Iterator[ClaimFolder]:
    """Lock and give each folder whose inbox is not alive any more.

    Raises:
        OSError: the folders cannot be listed or locked.
    """
    for name in sorted(os.listdir(claims)):  # noqa: PTH208 - names, not paths
        folder = ClaimFolder.lock(claims / name)
        if folder is not None:
            yield folder


def _new_name() -> str:
    host = re.sub(r"[^A-Za-z0-9.-]", "_", os.uname().nodename)[:64]
    return f"{host}-{os.getpid()}-{os.urandom(4).hex()}"
