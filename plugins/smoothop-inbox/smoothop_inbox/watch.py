"""Which files of a folder are complete: a decision over what was seen and when."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Sight:
    """What tells that a file has changed: which file it is, its size, its time."""

    device: int
    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, state: os.stat_result) -> Sight:
        """Take what counts from the result of a `stat`."""
        return cls(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Complete:
    """A file that has not changed for the settle time."""

    name: str
    sight: Sight


@dataclass(frozen=True, slots=True)
class Listing:
    """One look at a folder.

    Attributes:
        files: the regular files whose names are wanted.
        odd: names of what is wanted but is neither a file nor a folder.
    """

    files: dict[str, Sight]
    odd: tuple[str, ...]


def look(folder: str, pattern: str) -> Listing:
    """List what is in a folder under names that match the pattern and are not hidden.

    Raises:
        OSError: the folder cannot be read.
    """
    files: dict[str, Sight] = {}
    odd = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not fnmatchcase(entry.name, pattern):
                continue
            try:
                state = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # another inbox has just taken it
            if stat.S_ISREG(state.st_mode):
                files[entry.name] = Sight.of(state)
            elif not stat.S_ISDIR(state.st_mode):
                odd.append(entry.name)
    return Listing(files, tuple(odd))


class Watch:
    """Remembers since when each file has looked as it does now.

    Times come from a monotonic clock that is handed in: neither a jump of the wall clock nor a
    file dated in the future makes a file complete too early or never.
    """

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._since: dict[str, tuple[Sight, float]] = {}

    def update(self, files: dict[str, Sight], now: float) -> list[Complete]:
        """Take note of a look at the folder; return what is complete, longest waiting first."""
        known = self._since
        self._since = {
            name: known[name] if name in known and known[name][0] == sight else (sight, now)
            for name, sight in files.items()
        }
        ready = [
            (since, name, sight)
            for name, (sight, since) in self._since.items()
            if now - since >= self._settle
        ]
        return [
            Complete(name, sight) for _, name, sight in sorted(ready, key=lambda each: each[:2])
        ]

    def forget(self, names: Iterable[str]) -> None:
        """Forget files that have been taken."""
        for name in names:
            self._since.pop(name, None)

    def next_complete(self, now: float) -> float | None:
        """Return in how many seconds the next file can be complete; ``None`` if none is there."""
        waits = [since + self._settle - now for _, since in self._since.values()]
        return min((wait for wait in waits if wait > 0), default=None)
