"""Find what installed distributions publish, from their metadata alone: nothing is imported.

Only the ``entry_points.txt`` of each distribution is read (0.02 ms each). Name and version come
from the head of ``METADATA``, read as text and only for distributions that publish something
here: parsing it as the mail message it is would cost more than all the rest.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from importlib_metadata import distributions

from smoothop._names import is_name
from smoothop.plugins.wording import error_text, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from importlib_metadata import IDistribution

HANDLERS = "smoothoperator.handlers"
PLUGINS = "smoothoperator.plugins"

_GROUPS = (HANDLERS, PLUGINS)
_MENTION = "smoothoperator."  # a text without it publishes nothing here, and is not parsed
_TARGET = re.compile(r"([\w.]+)\s*(?::\s*([\w.]+))?\s*(?:\[.*\])?", re.ASCII)
_VERSION = re.compile(r"(?:\d+!)?(\d+(?:\.\d+)*)(.*)")

logger = logging.getLogger("smoothop.plugins")


@dataclass(frozen=True, slots=True)
class Published:
    """One entry point of one of the two groups.

    Attributes:
        group: `HANDLERS` or `PLUGINS`.
        name: its name, or what stands in its place.
        target: ``module`` or ``module:attr``, or what stands in its place.
        distribution: the name of the distribution, as its author writes it.
        version: the distribution's version.
        error: what is malformed, or ``None``.
    """

    group: str
    name: str
    target: str
    distribution: str
    version: str
    error: str | None = None


def find_published() -> list[Published]:
    """Return what the distributions on ``sys.path`` publish, sorted by name.

    A distribution that is found twice counts once: the first on ``sys.path``, and within one
    directory the newest version, because the metadata of an old version may stay behind when
    an installation is interrupted, or is made with ``pip install --target``. Left-over directories
    without metadata do not count. What cannot be read is passed over: it is most likely not ours.
    """
    found: dict[str, list[Published]] = {}
    for distribution in _distributions():
        if _MENTION not in _read(distribution, "entry_points.txt"):
            continue
        name, _ = _identity(distribution)
        if name and canonical(name) not in found:
            found[canonical(name)] = list(_published_by(_effective(name) or distribution))
    return sorted(
        (published for several in found.values() for published in several),
        key=lambda published: (published.name, published.distribution),
    )


def canonical(distribution: str) -> str:
    """Return the name of a distribution in the one form that is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def _distributions(**wanted: str) -> Iterator[IDistribution]:
    try:
        yield from distributions(**wanted)
    except Exception as error:  # noqa: BLE001 - finders on sys.meta_path are anybody's code
        logger.warning("some distributions cannot be listed: %s", error_text(error))


def _read(distribution: IDistribution, file: str) -> str:
    try:
        return distribution.read_text(file) or ""
    except (OSError, ValueError) as error:  # ValueError: not UTF-8
        logger.info("cannot read %s of %s: %s", file, distribution, error_text(error))
        return ""


def _identity(distribution: IDistribution) -> tuple[str, str]:
    """Return name and version, empty where the metadata has none."""
    text = _read(distribution, "METADATA") or _read(distribution, "PKG-INFO")
    fields = dict(
        line.split(":", 1) for line in takewhile(str.strip, text.splitlines()) if ":" in line
    )
    return fields.get("Name", "").strip(), fields.get("Version", "").strip()


def _effective(name: str) -> IDistribution | None:
    """Return the one of the distributions of this name that counts."""
    valid = [one for one in _distributions(name=name) if _identity(one)[0]]
    beside_first = (one for one in valid if one.locate_file("") == valid[0].locate_file(""))
    return max(beside_first, key=_age, default=None)


def _age(distribution: IDistribution) -> tuple[list[int], bool, str]:
    """Return a key that is greater for newer versions; ``1.0rc1`` is older than ``1.0``."""
    match = _VERSION.match(_identity(distribution)[1])
    if match is None:
        return [], False, ""
    release, rest = match.groups()
    is_final = not rest or rest.startswith((".post", "+"))
    return [int(part) for part in release.split(".")], is_final, rest


def _published_by(distribution: IDistribution) -> Iterable[Published]:
    origin = _identity(distribution)
    found: dict[tuple[str, str], Published] = {}
    for group, line in _lines(_read(distribution, "entry_points.txt")):
        published = _parsed(group, line, *origin)
        key = group, published.name
        if key in found:
            published = replace(found[key], error="the name is published twice by its distribution")
        found[key] = published
    return found.values()


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of our two groups; another's malformed line is nothing to us."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group in _GROUPS and line and not line.startswith(("#", ";")):
            yield group, line


def _parsed(group: str, line: str, distribution: str, version: str) -> Published:
    name, equals, value = (part.strip() for part in line.partition("="))
    match = _TARGET.fullmatch(value)
    problem = None
    if not equals:
        problem = "the line is not 'name = module:attr'"
    elif not is_name(name):
        problem = (
            "the name is malformed: 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or a digit"
        )
    elif match is None or not _names_an_object(match[1], match[2], group):
        problem = "the target is malformed: it must be 'module:attr'"
    target = ":".join(filter(None, match.groups())) if match else value
    return Published(group, one_line(name), one_line(target), distribution, version, problem)


def _names_an_object(module: str, attribute: str | None, group: str) -> bool:
    if attribute is None and group == HANDLERS:
        return False  # a module is no handler; it may be a hook plugin
    return all(part.isidentifier() for part in (*module.split("."), *(attribute or "a").split(".")))
