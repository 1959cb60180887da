"""What is known about a published handler or hook plugin: plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal

State = Literal["unchecked", "ok", "broken", "conflict", "disabled", "off"]
"""``unchecked``: not imported yet; ``conflict``: published by two distributions under one name;
``off``: a hook plugin that failed too often in a row."""


@dataclass(frozen=True, slots=True)
class _Info:
    """What both kinds have in common.

    Attributes:
        name: the name of the entry point.
        target: what it names, ``module:attr``.
        distribution: the distribution that publishes it, or ``None`` if code added it.
        version: the version of that distribution, or ``None``.
        state: what is known about it so far.
        error: what is wrong with it, or ``None``.
    """

    kind: ClassVar[str]

    name: str
    target: str
    distribution: str | None
    version: str | None
    state: State = "unchecked"
    error: str | None = None

    @property
    def label(self) -> str:
        """How messages call it: kind and name, distribution and version."""
        if self.distribution is None:
            return f"{self.kind} {self.name!r}"
        return f"{self.kind} {self.name!r} of {self.distribution} {self.version or ''}".rstrip()

    @property
    def reference(self) -> str:
        """The text that means this one and no other of the same name: ``name@distribution``."""
        return self.name if self.distribution is None else f"{self.name}@{self.distribution}"


@dataclass(frozen=True, slots=True)
class HandlerInfo(_Info):
    """One handler of the registry, as of the moment it was asked for."""

    kind: ClassVar[str] = "handler"


@dataclass(frozen=True, slots=True)
class PluginInfo(_Info):
    """One hook plugin of the registry, as of the moment it was asked for.

    Attributes:
        hooks: the names of the hooks it implements, sorted; empty until it is loaded.
        failures: name of a hook -> how often its implementation has failed.
        dropped: how many events it was not told, because it was too slow.
        import_seconds: how long its import took; ``None`` until then.
    """

    kind: ClassVar[str] = "plugin"

    hooks: tuple[str, ...] = ()
    failures: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    dropped: int = 0
    import_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class HandlerHooksInfo(PluginInfo):
    """The hooks of a handler that has some of its own; the name is that of its worker."""

    kind: ClassVar[str] = "handler of worker"
