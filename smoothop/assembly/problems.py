"""What is wrong with a configuration: collected, so that all of it can be told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches
from typing import Final

from smoothop.errors import ConfigError

_LONGEST: Final = 100
"""Characters of a value that a message shows at most."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must be put right before anything can start.

    Attributes:
        where: the flag, the environment variable, or the table and key in the file.
        what: what is wrong there, and what would be right.
        is_load_failure: whether it is a plugin that cannot be loaded, not the configuration.
    """

    where: str
    what: str
    is_load_failure: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ProblemsError(ConfigError):
    """One or more problems; nothing was started.

    Attributes:
        problems: all of them, in the order in which they were found.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @property
    def are_load_failures(self) -> bool:
        """Whether the configuration is right and only plugins cannot be loaded."""
        return all(problem.is_load_failure for problem in self.problems)


def checked(
    check: Callable[[object, str], object], value: object, field: str, where: str
) -> object | Problem:
    """Return what `check` makes of `value`, or the problem with it.

    What checks say ends with the value as Python writes it; the problem shows it as the file does.
    """
    try:
        return check(value, field)
    except ValueError as error:
        what = str(error).removeprefix(f"{field}: ")
        right = what.removesuffix(f", not {value!r}")
        return Problem(where, what if right == what else f"{right}, not {written(value)}")


def written(value: object) -> str:
    """Return a value as a configuration file has it, cut where it is long."""
    match value:
        case bool():
            text = str(value).lower()
        case date() | time():
            text = value.isoformat()
        case list():
            text = f"[{', '.join(map(written, value))}]"
        case dict():
            pairs = (f"{key} = {written(one)}" for key, one in value.items())
            text = f"{{{', '.join(pairs)}}}"
        case _:
            text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """Return which of the known words is most likely meant, if any."""
    return next(iter(get_close_matches(word, list(known), n=1)), None)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of the known words, or ``""``."""
    found = nearest_word(word, known)
    return f"; did you mean {found!r}?" if found else ""


def unknown_key(key: str, known: Iterable[str], where: str) -> Problem:
    """Return the problem of a key that means nothing, with what is known there."""
    words = sorted(known)
    hint = nearest(key, words) or f"; known here: {', '.join(words)}"
    return Problem(where, f"unknown key {written(key)}{hint}")
