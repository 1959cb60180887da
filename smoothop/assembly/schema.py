"""Every key a configuration may have, and the check each value must pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from smoothop._durations import parse_seconds
from smoothop._names import checked_name
from smoothop._sizes import parse_size
from smoothop.assembly.addresses import parse_address
from smoothop.config import (
    DEFAULT_POOL_SIZE,
    DURATION_FIELDS,
    FIELD_CHECKS,
    FLAG_FIELDS,
    SIZE_FIELDS,
    at_least,
)
from smoothop.plugins.switches import MAX_FAILURES

Check = Callable[[object, str], Any]

LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def _name(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{field}: a name as text, not {value!r}")
    return checked_name(value)


def _one_of(choices: tuple[str, ...]) -> Check:
    def check(value: object, field: str) -> str:
        if isinstance(value, str) and value.lower() in choices:
            return value.lower()
        raise ValueError(f"{field}: one of {', '.join(choices)}, not {value!r}")

    return check


def _names(value: object, field: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) and name.strip() for name in value):
        return tuple(name.strip() for name in value)
    raise ValueError(f"{field}: a list of names such as ['noisy'], not {value!r}")


def _flag(value: object, field: str) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{field}: true or false, not {value!r}")


def _flag_as_text(value: object, field: str) -> bool:
    """Take what `_flag` takes, and the words for it."""
    word = value.lower() if isinstance(value, str) else ""
    return _flag({"1": True, "true": True, "0": False, "false": False}.get(word, value), field)


def _path(value: object, field: str) -> str:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return value
    raise ValueError(f"{field}: a path as text, not {value!r}")


def _address(value: object, field: str) -> str:
    if isinstance(value, str):
        try:
            parse_address(value)
        except ValueError as error:
            raise ValueError(f"{field}: {error}") from None
        return value
    raise ValueError(f"{field}: HOST:PORT as text, not {value!r}")


def _count(value: object, field: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"{field}: a whole number, 0 or more, not {value!r}")


def _count_as_text(value: object, field: str) -> int:
    is_number = isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value)
    return at_least(1)(int(value) if is_number else value, field)  # type: ignore[call-overload]


def _reference(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{field}: a handler's name as text, not {value!r}")
    name, at, distribution = value.partition("@")
    checked_name(name)
    if at and not distribution.strip():
        raise ValueError(f"{field}: a distribution's name must follow the @ in {value!r}")
    return value


def _table(value: object, field: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{field}: a table, not {value!r}")


OPERATOR: dict[str, Check] = {
    "name": _name,
    "grace": parse_seconds,
    "log_format": _one_of(LOG_FORMATS),
    "log_level": _one_of(LOG_LEVELS),
    "pool_size": at_least(1),
}
"""Keys of ``[operator]``; each is also a flag of `smoothop run` and a ``SMOOTHOP_*`` variable."""

OPERATOR_DEFAULTS: dict[str, Any] = {
    "name": "default",
    "grace": 25.0,
    "log_format": "text",
    "log_level": "info",
    "pool_size": DEFAULT_POOL_SIZE,
}

CONTROL: dict[str, Check] = {
    "enabled": _flag,
    "http": _address,
    "token_file": _path,
    "read_only": _flag,
    "show_payloads": _flag,
}
"""Keys of ``[control]``, which are flags and variables as well; see `ControlServer`."""

CONTROL_DEFAULTS: dict[str, Any] = {
    "enabled": True,
    "http": None,
    "token_file": None,
    "read_only": False,
    "show_payloads": False,
}

PLUGINS: dict[str, Check] = {"disable": _names, "strict": _flag, "max_failures": _count}
"""Keys of ``[plugins]``."""

PLUGINS_DEFAULTS: dict[str, Any] = {"strict": False, "max_failures": MAX_FAILURES}
"""Those of them that have one value; what is in `disable` is added up."""

_WRITTEN: dict[str, Check] = {
    **dict.fromkeys(DURATION_FIELDS, parse_seconds),
    **dict.fromkeys(FLAG_FIELDS, _flag),
    **dict.fromkeys(SIZE_FIELDS, parse_size),
}

WORKER_FIELDS: dict[str, Check] = {
    name: _WRITTEN.get(name, check) for name, check in FIELD_CHECKS.items()
}
"""Keys of ``[workers.NAME]`` that are fields of `Config`."""

WORKER: dict[str, Check] = {"handler": _reference, **WORKER_FIELDS, "settings": _table}
"""All keys of ``[workers.NAME]``."""

TABLES: dict[str, Check] = {
    "operator": _table,
    "control": _table,
    "plugins": _table,
    "workers": _table,
}
"""The tables at the top of the file."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A table whose values a flag or an environment variable can override.

    Attributes:
        name: the table's name.
        checks: key -> the check that its value in the file must pass.
        text_checks: key -> the check for what a flag or variable says, which is text.
        defaults: key -> value.
        variables: environment variable -> the key that it overrides.
    """

    name: str
    checks: Mapping[str, Check]
    text_checks: Mapping[str, Check]
    defaults: Mapping[str, Any]
    variables: Mapping[str, str]


SETTLED: dict[str, Settled] = {
    "operator": Settled(
        "operator",
        OPERATOR,
        {**OPERATOR, "pool_size": _count_as_text},
        OPERATOR_DEFAULTS,
        {f"SMOOTHOP_{key.upper()}": key for key in OPERATOR},
    ),
    "control": Settled(
        "control",
        CONTROL,
        {key: _flag_as_text if check is _flag else check for key, check in CONTROL.items()},
        CONTROL_DEFAULTS,
        {
            "SMOOTHOP_CONTROL": "enabled",
            **{f"SMOOTHOP_{key.upper()}": key for key in CONTROL if key != "enabled"},
        },
    ),
}

FLAGS: dict[str, str] = {"enabled": "--no-control"}
"""Key -> its flag, where that is not called as the key is."""

CONFIG_VARIABLE = "SMOOTHOP_CONFIG"
DISABLE_VARIABLE = "SMOOTHOP_DISABLE_PLUGINS"
NO_PLUGINS_VARIABLE = "SMOOTHOP_NO_PLUGINS"

KNOWN_VARIABLES = (
    *(variable for table in SETTLED.values() for variable in table.variables),
    CONFIG_VARIABLE,
    DISABLE_VARIABLE,
    NO_PLUGINS_VARIABLE,
)
"""Every environment variable that means something; fields of workers are set in the file only."""
