"""Put a file into a folder under a name that nothing there has.

Nothing is overwritten and nothing deleted, whatever else happens in the folder at the time and
wherever the process is killed.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LINKS = frozenset(
    {errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EACCES}
)


def file_into(folder: Path, source: Path, name: str) -> Path:
    """Give the file a place in the folder and return it.

    Where the file system has hard links, `source` is still there afterwards, as a second name of
    the same file: remove it with `forget` once all that belongs to the file is done. After a
    crash between the two a further call finds the place that was given.

    Args:
        folder: made if it is missing; its own folder must be there.
        source: the file, on the same file system.
        name: the name it shall have; ``x-2.csv``, ``x-3.csv``, ... if that is taken.

    Raises:
        OSError: the folder cannot be made or written to, or the file is gone.
    """
    folder.mkdir(exist_ok=True)
    for place in _places(folder, name):
        try:
            _take(place, source)
        except FileExistsError:
            if place.is_symlink() or not _is_same(place, source):
                continue
        return place
    raise AssertionError("the names never end")  # pragma: no cover


def forget(source: Path) -> None:
    """Remove the name that a file had before `file_into` gave it a place."""
    source.unlink(missing_ok=True)


def write_beside(place: Path, text: str) -> Path:
    """Write ``<name>.error.txt`` beside a file, numbered if that name is taken; return where.

    Raises:
        OSError: it cannot be written.
    """
    for note in _places(place.parent, place.name, ".error.txt"):
        try:
            with note.open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except FileExistsError:
            continue
        return note
    raise AssertionError("the names never end")  # pragma: no cover


def _take(place: Path, source: Path) -> None:
    try:
        place.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # No hard links here (exFAT, some network folders; Linux refuses a link to a file of
        # another user): reserve the name with an empty file, then rename over that one.
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            source.rename(place)
        except BaseException:
            place.unlink()
            raise


def _is_same(place: Path, source: Path) -> bool:
    try:
        return place.samefile(source)
    except FileNotFoundError:
        return False


def _places(folder: Path, name: str, ending: str = "") -> Iterator[Path]:
    """Give the names to try: ``x.csv``, ``x-2.csv``, ...; none longer than the folder allows."""
    longest = os.pathconf(folder, "PC_NAME_MAX")
    stem, suffix = (name, ending) if ending else os.path.splitext(name)  # noqa: PTH122 - text, not a path
    if len(os.fsencode(suffix)) > longest // 2:
        stem, suffix = name, ""
    number = 1
    while True:
        tail = suffix if number == 1 else f"-{number}{suffix}"
        yield folder / (_cut(stem, longest - len(os.fsencode(tail))) + tail)
        number += 1


def _cut(stem: str, longest: int) -> str:
    while len(os.fsencode(stem)) > longest:
        stem = stem[:-1]
    return stem
