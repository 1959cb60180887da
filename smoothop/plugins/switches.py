"""What the user has switched off, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smoothop.plugins.discovery import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DISABLE_VARIABLE = "SMOOTHOP_DISABLE_PLUGINS"
NO_PLUGINS_VARIABLE = "SMOOTHOP_NO_PLUGINS"

MAX_FAILURES: Final = 10
"""How often in a row one hook may fail before its plugin is switched off."""

_NO = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Switches:
    """What is switched off, and by what.

    Attributes:
        disabled: name of an entry point or a distribution -> what disabled it.
        no_plugins: whether no hook plugin is imported at all.
    """

    disabled: Mapping[str, str]
    no_plugins: bool = False

    @classmethod
    def read(
        cls, disable: Iterable[str], no_plugins: bool, variables: Mapping[str, str]
    ) -> Switches:
        """Combine what the caller says with the two environment variables.

        Any value of ``SMOOTHOP_NO_PLUGINS`` but an empty one, 0, false, no and off means yes.
        """
        in_variable = variables.get(DISABLE_VARIABLE, "").split(",")
        disabled = dict.fromkeys(filter(None, map(str.strip, in_variable)), DISABLE_VARIABLE)
        disabled |= dict.fromkeys(disable, "disable")
        said_no = variables.get(NO_PLUGINS_VARIABLE, "").strip().lower() not in _NO
        return cls(disabled, no_plugins or said_no)

    def disabled_by(self, name: str, distribution: str | None) -> str | None:
        """Say what switched off this entry point, or return ``None`` if nothing did."""
        for word, origin in self.disabled.items():
            if word == name:
                return f"disabled by name ({origin})"
            if distribution is not None and canonical(word) == canonical(distribution):
                return f"disabled with its distribution ({origin})"
        return None
