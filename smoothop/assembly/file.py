"""The configuration file: which one it is, and what stands in it, as plain tables."""

from __future__ import annotations

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
        names = ".".join((*prefix, *tables))
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
        return _explicit(directory, Path(explicit))
    if (directory / OWN_FILE).exists():
        return ConfigFile(Path(OWN_FILE), _read(directory / OWN_FILE, OWN_FILE))
    if (directory / PROJECT_FILE).exists():
        tables = _own_part(_read(directory / PROJECT_FILE, PROJECT_FILE), PROJECT_FILE)
        if tables is not None:
            return ConfigFile(Path(PROJECT_FILE), tables)
    return ConfigFile()


def _explicit(directory: Path, path: Path) -> ConfigFile:
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
    try:
        # utf-8-sig: editors on Windows put a byte order mark in front, which TOML does not allow.
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        problem = _located(shown, str(error))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = Problem(f"{shown}:{line}", "not valid UTF-8, as TOML must be")
    except RecursionError:
        problem = Problem(shown, "nested too deeply")
    except OSError as error:
        problem = Problem(shown, f"cannot be read: {error.strerror or error}")
    raise ProblemsError([problem])


def _located(shown: str, message: str) -> Problem:
    match = _POSITION.fullmatch(message)
    if match is None:
        return Problem(shown, message)
    return Problem(f"{shown}:{match['line']}:{match['column']}", match["what"])
