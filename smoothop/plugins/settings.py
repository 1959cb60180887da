"""Build the ``Settings`` of a handler from a mapping, with every problem told at once.

pydantic does the work for dataclasses and models alike. It is imported when the first settings are
built, not before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from smoothop.plugins.loading import located, past_pydantic
from smoothop.plugins.wording import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")


def read_settings(settings_type: type, values: object) -> tuple[Any, list[str]]:
    """Return the settings, or ``None`` and the problems that keep them from being built.

    A key that `settings_type` does not know is a problem, on every level, unless the type itself
    says what to do with such keys (``extra`` in its pydantic configuration). Problems name the key
    and never repeat the value, which may be a secret.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - 60 ms, only when needed

    if not isinstance(values, Mapping):
        return None, [f"settings must be a table of keys and values, not {type(values).__name__}"]
    try:
        adapter = past_pydantic(lambda: TypeAdapter[Any](settings_type))
        return adapter.validate_python(dict(values), extra=_extra(settings_type)), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return None, [_problem(detail, settings_type) for detail in details]
    except BaseException as error:  # noqa: BLE001 - validators are the plugin's code
        return None, [f"the settings cannot be built: {located(error)}"]


def _extra(settings_type: Any) -> Literal["forbid"] | None:
    own = getattr(settings_type, "model_config", None)
    own = own or getattr(settings_type, "__pydantic_config__", None) or {}
    return None if "extra" in own else "forbid"


def _problem(detail: ErrorDetails, settings_type: Any) -> str:
    key = ".".join(map(str, detail["loc"]))
    if detail["type"] in _UNKNOWN:
        is_own_key = len(detail["loc"]) == 1
        return f"{key}: unknown key" + (
            did_you_mean(key, _keys(settings_type)) if is_own_key else ""
        )
    if detail["type"] in _MISSING:
        return f"{key}: required, but not given"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:]
    return f"{key}: {message}" if key else message


def _keys(settings_type: Any) -> list[str]:
    if dataclasses.is_dataclass(settings_type):
        return [field.name for field in dataclasses.fields(settings_type) if field.init]
    return [field.alias or name for name, field in settings_type.model_fields.items()]
