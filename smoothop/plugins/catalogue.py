"""The handlers that are known, and which of them a reference means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from smoothop.errors import ConfigError, PluginError
from smoothop.plugins.discovery import canonical
from smoothop.plugins.wording import did_you_mean, searched

if TYPE_CHECKING:
    from smoothop.errors import PluginLoadError
    from smoothop.plugins.info import HandlerInfo, State
    from smoothop.plugins.loading import Loaded


@dataclass(slots=True)
class Slot:
    """One known handler; `info` is replaced when more becomes known."""

    info: HandlerInfo
    loaded: Loaded | None = None
    failure: PluginLoadError | None = None
    is_published: bool = True
    """Whether importing its target gives it; otherwise code has added it."""

    def tell(self, state: State, error: str | None = None) -> None:
        """Note what has become known."""
        self.info = replace(self.info, state=state, error=error)


class Catalogue:
    """Handlers by name; of one name there may be several, from different distributions."""

    def __init__(self) -> None:
        self._slots: dict[str, list[Slot]] = {}

    def infos(self) -> tuple[HandlerInfo, ...]:
        """Return what is known about each handler, sorted by name, then by distribution."""
        infos = (slot.info for slots in self._slots.values() for slot in slots)
        return tuple(sorted(infos, key=lambda info: (info.name, info.distribution or "")))

    def add(self, slot: Slot) -> None:
        """Add a handler; those that now contend for one name are in conflict.

        Raises:
            PluginError: the same distribution has published this name before.
        """
        slots = self._slots.setdefault(slot.info.name, [])
        if any(_same(one.info.distribution, slot.info.distribution) for one in slots):
            raise PluginError(f"{slot.info.label} is there already")
        slots.append(slot)
        self._mark_conflict(slot.info.name)

    def remove(self, slot: Slot) -> None:
        """Forget a handler that `add` has added."""
        slots = self._slots[slot.info.name]
        slots.remove(slot)
        if not slots:
            del self._slots[slot.info.name]
        self._mark_conflict(slot.info.name)

    def find(self, reference: str) -> Slot | None:
        """Return the handler that ``name`` or ``name@distribution`` means, if there is one.

        Raises:
            ConfigError: a bare name means more than one.
        """
        name, at, distribution = reference.partition("@")
        slots = self._slots.get(name, [])
        if at:
            slots = [slot for slot in slots if _same(slot.info.distribution, distribution)]
        contenders = [slot for slot in slots if _contends(slot)]
        if len(contenders) > 1:
            raise ConfigError(f"handler {name!r} is {_ambiguous(contenders)}")
        return next(iter(contenders or slots), None)

    def unknown(self, reference: str) -> ConfigError:
        """Return the error that says that nothing has this name, and what has a similar one."""
        name, _, distribution = reference.partition("@")
        if name in self._slots:
            have = ", ".join(slot.info.distribution or "code" for slot in self._slots[name])
            return ConfigError(
                f"no handler {name!r} comes from {distribution!r}; there is one from {have}"
            )
        if not self._slots:
            return ConfigError(
                f"no handler {name!r}: no handler is installed; install a package that brings one"
                f"{searched()}"
            )
        return ConfigError(
            f"no handler {name!r} is installed{did_you_mean(name, self._slots)}{searched()}"
        )

    def _mark_conflict(self, name: str) -> None:
        contenders = [slot for slot in self._slots.get(name, []) if _contends(slot)]
        for slot in contenders:
            if len(contenders) > 1:
                slot.tell("conflict", _ambiguous(contenders))
            elif slot.info.state == "conflict":
                slot.tell("unchecked" if slot.loaded is None else "ok")


def _contends(slot: Slot) -> bool:
    # One that is malformed or switched off stands in nobody's way. One that turned out broken
    # when it was imported still does: otherwise the meaning of a name would depend on who asked.
    return slot.info.state in ("unchecked", "ok", "conflict") or slot.failure is not None


def _ambiguous(slots: list[Slot]) -> str:
    names = [slot.info.distribution or "code" for slot in slots]
    return (
        f"published by {' and '.join(names)}; say which is meant, for example "
        f'handler = "{slots[0].info.reference}", or disable the others'
    )


def _same(one: str | None, other: str | None) -> bool:
    return one == other or (one and other and canonical(one) == canonical(other)) is True
