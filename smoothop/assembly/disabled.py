"""What the configuration switches off, against what is there to be switched off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from smoothop.assembly import schema
from smoothop.assembly.problems import nearest, written
from smoothop.plugins.discovery import canonical

if TYPE_CHECKING:
    from smoothop.assembly.resolve import Resolved
    from smoothop.plugins.registry import Registry


def slips(resolved: Resolved, registry: Registry) -> Iterator[str]:
    """Yield a warning for each name that switches nothing off: most likely it is misspelt.

    To be asked when the hook plugins are loaded, as they may add handlers.
    """
    infos = (*registry.handlers, *registry.plugins)
    names = {info.name for info in infos}
    distributions = {info.distribution for info in infos if info.distribution is not None}
    canonicals = set(map(canonical, distributions))
    for word in resolved.disable:
        if word.value not in names and canonical(word.value) not in canonicals:
            where = (
                word.origin if word.origin == schema.DISABLE_VARIABLE else f"{word.origin} disable"
            )
            hint = nearest(word.value, sorted(names | distributions))
            yield f"{where}: {written(word.value)} switches nothing off{hint}"
