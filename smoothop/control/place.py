"""Where the socket and the lock of an operator are; nothing here touches the disk but `is_dir`.

The first that can be used: ``$XDG_RUNTIME_DIR/smoothop``, or ``smoothop/run`` in
``$XDG_STATE_HOME``, which is ``~/.local/state`` by default. Never a directory that everybody may
write to.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smoothop._names import checked_name

LONGEST: Final = 107 if sys.platform == "linux" else 103
"""Bytes a socket's path may have: the room in the system's address structure, less its end."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one operator of that name would be found.

    Attributes:
        directory: of the user alone.
        name: the operator's name.
    """

    directory: Path
    name: str

    @property
    def socket(self) -> Path:
        """The Unix socket on which it answers."""
        return self.directory / f"{self.name}.sock"

    @property
    def lock(self) -> Path:
        """The file that it holds locked as long as it lives."""
        return self.directory / f"{self.name}.lock"

    @property
    def dump(self) -> Path:
        """The file in which it leaves its stacks when it is asked by a signal."""
        return self.directory / f"{self.name}.stacks"

    @property
    def is_too_long(self) -> bool:
        """Whether the system has no room for the socket's path."""
        return len(bytes(self.socket)) > LONGEST


def places(name: str, environ: Mapping[str, str]) -> list[Place]:
    """Return the places of the operator `name`, the preferred one first.

    There may be two, because one started by a service manager may not have the variables of
    the user's session. The server takes the first, clients look into all.

    Raises:
        ValueError: `name` is no name.
    """
    checked_name(name)
    runtime, state = environ.get("XDG_RUNTIME_DIR", ""), environ.get("XDG_STATE_HOME", "")
    found = []
    if Path(runtime).is_absolute() and Path(runtime).is_dir():
        found.append(Place(Path(runtime) / "smoothop", name))
    home = environ.get("HOME", "")
    if Path(state).is_absolute():
        found.append(Place(Path(state) / "smoothop" / "run", name))
    elif Path(home).is_absolute():
        found.append(Place(Path(home) / ".local" / "state" / "smoothop" / "run", name))
    return found
