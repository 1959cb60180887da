"""The resolved configuration written as TOML, with origins as comments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from smoothop._names import is_name
from smoothop.assembly.resolve import DEFAULT, Value

_EXACT: Final = 2.0**53
"""From here on a whole number of type float is rather an order of magnitude."""


def toml_lines(tree: Mapping[str, Any], *, show_origin: bool) -> list[str]:
    """Return the lines of a tree of tables whose leaves are `Value`s or lists of them.

    Values that TOML does not know (``None``) are left out.
    """
    lines = list(_table(tree, (), show_origin=show_origin))
    return lines[1:] if lines and not lines[0] else lines


def _table(table: Mapping[str, Any], path: tuple[str, ...], *, show_origin: bool) -> Iterator[str]:
    leaves = {key: leaf for key, leaf in table.items() if not isinstance(leaf, dict)}
    if path and leaves:
        yield ""
        yield f"[{'.'.join(map(_key, path))}]"
    for key, leaf in leaves.items():
        value, origin = _leaf(leaf)
        if value is not None:
            yield f"{_key(key)} = {_literal(value)}" + (
                f"  # {origin}" if show_origin and origin else ""
            )
    for key, below in table.items():
        if isinstance(below, dict):
            yield from _table(below, (*path, key), show_origin=show_origin)


def _leaf(leaf: Value | list[Value]) -> tuple[Any, str]:
    if isinstance(leaf, Value):
        return leaf.value, leaf.origin
    origins = dict.fromkeys(one.origin for one in leaf) or [DEFAULT]
    return [one.value for one in leaf], ", ".join(origins)


def _key(key: str) -> str:
    return key if is_name(key) and "." not in key else _literal(key)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        is_whole = value.is_integer() and abs(value) < _EXACT
        return str(int(value)) if is_whole else repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_key(str(key))} = {_literal(one)}" for key, one in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return _string(str(value))


def _string(text: str) -> str:
    """Return a basic string; JSON's escapes are TOML's, except for what is not printable."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in quoted)
