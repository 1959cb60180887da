"""What an inbox is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smoothop import Seconds


@dataclass(frozen=True)
class InboxSettings:
    """The settings of an `Inbox`.

    Durations may be written as in a configuration file (``"250ms"``) in code too.

    Attributes:
        path: the folder to watch; ``done/``, ``failed/`` and the claims are inside it.
        target: the worker that is sent each file.
        pattern: which names are taken, as in a shell: ``*.csv``. Case matters.
        settle: seconds for which size and time of a file must stay the same before it is taken.
        idle: seconds between two looks when nothing is there.

    Raises:
        ValueError: a value is out of range; names the field.
    """

    path: Path
    target: str
    pattern: str = "*"
    settle: Seconds = 1.0
    idle: Seconds = 1.0

    def __post_init__(self) -> None:
        for name in ("path", "target", "pattern"):
            if not str(getattr(self, name)):
                raise ValueError(f"{name}: must not be empty")
        if "/" in self.pattern:
            raise ValueError(
                f"pattern: {self.pattern!r} contains a slash; sub-folders are not watched"
            )
        object.__setattr__(self, "path", Path(self.path))
        for name in ("settle", "idle"):
            object.__setattr__(self, name, _seconds(getattr(self, name), name))


def _seconds(value: object, field: str) -> float:
    if type(value) is float and 0 <= value < float("inf"):
        return value
    # What configuration files may say is read by pydantic, which is loaded only for this.
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    try:
        return TypeAdapter[float](Seconds).validate_python(value)
    except ValidationError as error:
        raise ValueError(f"{field}: {error.errors()[0]['msg']}") from None
