"""`Report` and `Finding`: what `check_plugin` has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "remark"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the contract wants it.

    Attributes:
        severity: ``"error"``: it breaks the contract; ``"remark"``: it could be better, or could
            not be checked.
        plugin: which entry point, as messages call it.
        what: what was seen, and where.
        why: why that matters.
        advice: what to do.
    """

    severity: Severity
    plugin: str
    what: str
    why: str
    advice: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.plugin}: {self.what}. {self.why}. {self.advice}."


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about one distribution; its text has a line for each finding.

    Attributes:
        distribution: its name.
        checked: the entry points that were looked at, as messages call them.
        findings: what is not right, errors first.
    """

    distribution: str
    checked: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that break the contract."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """The other findings."""
        return tuple(finding for finding in self.findings if finding.severity == "remark")

    def __str__(self) -> str:
        bad = {finding.plugin for finding in self.errors}
        states = [f"{'broken' if label in bad else 'ok'}: {label}" for label in self.checked]
        return "\n".join([*states, *map(str, self.findings)])
