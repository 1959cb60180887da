"""A file as text: its encoding, its lines, and where it is broken."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import stat
from typing import TYPE_CHECKING, Self

from smoothop_tables.errors import BadFileError, LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

_CHUNK = 1 << 16
# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class TextFile:
    """An open file that can be read from its beginning again and again.

    UTF-8 with or without a byte order mark, UTF-16 with one. There is no guess: bytes that are
    none of these are an error that says where they stand.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            LoadError: it is not there, cannot be read, or is no regular file.
        """
        try:
            # Not buffered: `lines` moves the same position through a descriptor of its own.
            self._file = io.FileIO(path, opener=_open_without_waiting)
        except (OSError, ValueError) as error:
            raise LoadError(f"the file cannot be opened: {_reason(error)}") from error
        self._before = self._state()
        if not stat.S_ISREG(self._before.st_mode):
            self._file.close()
            raise LoadError("it is not a regular file")
        self.encoding = self._marked_encoding()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def digest(self) -> str:
        """Return the SHA-256 of the file's bytes, in hex."""
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def lines(self) -> Iterator[str]:
        """Read the file from its beginning, line by line, the line ends kept.

        Raises:
            BadFileError: bytes that are not text of the file's encoding, or a NUL.
        """
        self._file.seek(0)
        descriptor = os.dup(self._file.fileno())
        with os.fdopen(descriptor, encoding=self.encoding, newline="") as text:
            try:
                for number, line in enumerate(text, start=1):
                    if "\0" in line:
                        raise BadFileError(
                            number, "a NUL byte: it is no text, or UTF-16 without a byte order mark"
                        )
                    yield line
            except UnicodeDecodeError:
                raise self._undecodable() from None

    def check_unchanged(self) -> None:
        """Check that nobody has written to the file since it was opened.

        Raises:
            LoadError: somebody has, so that what was read may be half of each.
        """
        now = self._state()
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise LoadError(
                "the file was changed while it was read; drop it again when it is complete"
            )

    def _state(self) -> os.stat_result:
        return os.fstat(self._file.fileno())

    def _marked_encoding(self) -> str:
        start = self._file.read(4)
        encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
        if encoding == "utf-32":
            self._file.close()
            raise BadFileError(None, "it is UTF-32; save it as UTF-8")
        return encoding

    def _undecodable(self) -> BadFileError:
        """Find the first bytes that cannot be decoded: the reader of lines cannot say where."""
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        self._file.seek(0)
        line, offset, more = 1, 0, True
        while more:
            chunk = self._file.read(_CHUNK)
            more = bool(chunk)
            try:
                line += decoder.decode(chunk, final=not more).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].decode(error.encoding, "ignore").count("\n")
                at = offset + len(chunk) - len(error.object) + error.start
                return _not_text(line, at, error, self.encoding)
            offset += len(chunk)
        return BadFileError(None, "the file was changed while it was read")


def _not_text(line: int, at: int, error: UnicodeDecodeError, encoding: str) -> BadFileError:
    name = encoding.removesuffix("-sig").upper()
    return BadFileError(
        line,
        f"byte {at} of the file, 0x{error.object[error.start]:02x}, is not {name} "
        f"({error.reason}); save the file as UTF-8",
    )


def _open_without_waiting(path: str, flags: int) -> int:
    # A FIFO that nobody writes to would block the worker for ever; a file does not mind.
    return os.open(path, flags | os.O_NONBLOCK)


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
