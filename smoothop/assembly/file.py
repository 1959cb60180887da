"""The configuration file: which one it is, and what stands in it, as plain tables."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smoothop.assembly.problems import Problem, ProblemsError, written

OWN_FILE = "smoothop.toml"
PROJECT_FILE = "pyproject.toml"

_POSITION = re.compile(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", re.DOTALL)

_TWICE = ("Cannot overwrite", "Cannot declare")
"""How the parser begins to say that something is there already."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a configuration file says, not yet checked.

    Attributes:
        path: the file, as the user would write it; ``None`` if there is none.
        tables: what stands in it (in a ``pyproject.toml``: below ``[tool.smoothop]``).
    """

    path: Path | None = None
    tables: Mapping[str, Any] = field(default_factory=dict)

    def place(self, *tables: str) -> str:
        """Return how messages call a table of this file."""
        prefix = ("tool", "smoothop") if _is_project(self.path) else ()
        names = ".".join(one if one.isprintable() else repr(one) for one in (*prefix, *tables))
        return f"{self.path} [{names}]" if names else str(self.path)


def find_file(directory: Path, explicit: str | None = None) -> ConfigFile:
    """Find and read the configuration file.

    That is the `explicit` one, or else ``smoothop.toml`` in `directory`, or else the
    ``pyproject.toml`` there if it has a table ``[tool.smoothop]``. Parent directories are not
    searched: what is run must not depend on where a checkout happens to lie.

    Args:
        directory: where relative paths start, normally the current directory.
        explicit: a path the user gave; it must exist.

    Raises:
        ProblemsError: the file cannot be read or is not TOML; names line and column.
    """
    if explicit is not None:
        return _explicit(directory, explicit)
    if os.path.lexists(directory / OWN_FILE):  # a link to nowhere is told, not passed over
        return ConfigFile(Path(OWN_FILE), _read(directory / OWN_FILE, OWN_FILE))
    if os.path.lexists(directory / PROJECT_FILE):
        tables = _own_part(_read(directory / PROJECT_FILE, PROJECT_FILE), PROJECT_FILE)
        if tables is not None:
            return ConfigFile(Path(PROJECT_FILE), tables)
    return ConfigFile()


def _explicit(directory: Path, explicit: str) -> ConfigFile:
    if not explicit.strip():
        raise ProblemsError([Problem("configuration file", f"a path, not {explicit!r}")])
    path = Path(explicit)
    tables: Mapping[str, Any] | None = _read(directory / path, str(path))
    if _is_project(path):
        tables = _own_part(tables or {}, str(path))
    if tables is None:
        raise ProblemsError([Problem(str(path), "it has no table [tool.smoothop]")])
    return ConfigFile(path, tables)


def _is_project(path: Path | None) -> bool:
    return path is not None and path.name == PROJECT_FILE


def _own_part(document: Mapping[str, Any], shown: str) -> Mapping[str, Any] | None:
    tool = document.get("tool")
    part = tool.get("smoothop") if isinstance(tool, dict) else None
    if part is None or isinstance(part, dict):
        return part
    raise ProblemsError([Problem(shown, f"[tool.smoothop] is a table, not {written(part)}")])


def _read(path: Path, shown: str) -> Mapping[str, Any]:
    text = ""
    try:
        # utf-8-sig: editors on Windows put a byte order mark in front, which TOML does not allow.
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = _given_twice(shown, text, str(error)) or _located(shown, str(error))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = Problem(f"{shown}:{line}", "not valid UTF-8, as TOML must be")
    except RecursionError:
        problem = Problem(shown, "nested too deeply")
    except OSError as error:
        problem = Problem(shown, f"cannot be read: {error.strerror or error}")
    except ValueError:  # of Python's limit of digits; all else that is no TOML came by above
        problem = Problem(shown, "a number in it has thousands of digits")
    raise ProblemsError([problem])


def _given_twice(shown: str, text: str, message: str) -> Problem | None:
    """Return the problem of a key or table that is there already, by its name.

    The parser tells where the value ends, neither where it begins nor whose it is. The statement it
    objects to begins in the last line whose predecessors are TOML by themselves.
    """
    match = _POSITION.fullmatch(message)
    if match is None or not match["what"].startswith(_TWICE):
        return None
    lines = text.replace("\r\n", "\n").split("\n")
    number = int(match["line"])
    while not _is_toml(lines[: number - 1]):
        number -= 1
    head = _head(lines[number - 1])
    if not head.startswith("[") and _is_toml([*lines[: number - 1], f"{head} = 0"]):
        return None  # it is something inside the value
    is_first = (line for line in range(number - 1, 0, -1) if _head(lines[line - 1]) == head)
    first = next(is_first, None)
    what = "collides with what is given before it"
    if first is not None:
        what = f"is given twice, first in line {first}; keep only one"
    return Problem(f"{shown}:{number}", f"{head} {what}")


def _head(line: str) -> str:
    """Return the key or the header of a table that begins in a line."""
    line = line.strip()
    return line.partition("#" if line.startswith("[") else "=")[0].strip()


def _is_toml(lines: list[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _located(shown: str, message: str) -> Problem:
    match = _POSITION.fullmatch(message)
    if match is None:
        return Problem(shown, message)
    return Problem(f"{shown}:{match['line']}:{match['column']}", match["what"])
