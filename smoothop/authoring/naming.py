"""`PackageName`: one name, and the forms it takes in a package."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from typing import Final

from smoothop.errors import ConfigError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_LONGEST: Final = 64
_TAKEN: Final = frozenset({"smoothop", "pytest_smoothop", "test", "tests", "conftest", "setup"})


@dataclass(frozen=True, slots=True)
class PackageName:
    """The name of a new package, checked.

    Attributes:
        distribution: as pip knows it, and the name of its entry point: ``acme-watch``.
    """

    distribution: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.distribution) or len(self.distribution) > _LONGEST:
            raise ConfigError(
                f"{self.distribution!r} cannot name a package: use lower-case letters and digits, "
                f"words joined by a hyphen, a letter first, at most {_LONGEST} characters, for "
                "example acme-watch"
            )
        if self.module in sys.stdlib_module_names:
            raise self._refused(f"would hide the module {self.module} of the standard library")
        if keyword.iskeyword(self.module):
            raise self._refused(f"has a module named {self.module}, a word of the language")
        if self.module in _TAKEN:
            raise self._refused(f"would hide the module {self.module}, which is somebody else's")

    @property
    def module(self) -> str:
        """As Python imports it: ``acme_watch``."""
        return self.distribution.replace("-", "_")

    @property
    def type_name(self) -> str:
        """As a class: ``AcmeWatch``."""
        return "".join(word.capitalize() for word in self.distribution.split("-"))

    def _refused(self, why: str) -> ConfigError:
        return ConfigError(
            f"a package {self.distribution!r} {why}: put a word before it, for example "
            f"acme-{self.distribution}"
        )
