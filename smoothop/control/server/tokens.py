"""The bearer token: 256 bits in a file that nobody else can read."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from smoothop.control.errors import ControlStartError

BYTES: Final = 32

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{43,1024}", re.ASCII)
"""What may stand in an ``Authorization`` header and has room for 256 bits."""


def token_of(path: Path) -> str:
    """Return the token in a file; make both if there is no such file.

    Raises:
        ControlStartError: others can read the file, or it holds no token, or cannot be made.
    """
    try:
        _make(path)
    except FileExistsError:
        pass
    except OSError as error:
        raise ControlStartError(
            f"the token file {path} cannot be made: {error.strerror}"
        ) from error
    try:
        return _read(path)
    except OSError as error:
        raise ControlStartError(
            f"the token file {path} cannot be read: {error.strerror}"
        ) from error


def _make(path: Path) -> None:
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(made, f"{secrets.token_urlsafe(BYTES)}\n".encode())
    finally:
        os.close(made)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        content = file.read(2048)
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid not in (0, os.geteuid()):
        raise ControlStartError(
            f"the token file {path} must be this user's and readable for nobody else: "
            f"chmod 600 {path}"
        )
    token = content.decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(token):
        raise ControlStartError(
            f"the token file {path} holds no token of 256 bits: remove it, and a new one is made"
        )
    return token
