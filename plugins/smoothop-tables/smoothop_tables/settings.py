"""What the loader of tables is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TablesSettings:
    """The settings of `Tables`.

    Attributes:
        database: the SQLite file; made when the first file is loaded. Its folder must be there.

    Raises:
        ValueError: the path is empty.
    """

    database: Path

    def __post_init__(self) -> None:
        if not str(self.database):
            raise ValueError("database: must not be empty")
        object.__setattr__(self, "database", Path(self.database))
