"""`Job`: what a process that looks at one entry point is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """What to look at, and how.

    Attributes:
        look: ``"import"`` or ``"run"``.
        group: the group of the entry point.
        name: its name.
        target: what it names.
        distribution: whose it is.
        label: how messages call it.
        report: the file for the findings.
        settings: the handler's settings, or ``None``.
        messages: what to send it.
        workers: the names of other workers that it needs.
    """

    look: str
    group: str
    name: str
    target: str
    distribution: str
    label: str
    report: str
    settings: dict[str, Any] | None
    messages: list[Any]
    workers: list[str]
