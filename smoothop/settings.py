"""Types that a handler's ``Settings`` can use for its fields.

::

    @dataclass
    class Settings:
        path: Path
        settle: Seconds = 1.0        # the file may say 2, 0.5, "250ms" or "1h"

They are ordinary annotations: to a type checker `Seconds` is ``float``, and pydantic, which reads
them when the settings of a worker are built, is not imported before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from smoothop._durations import parse_seconds

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class _SecondsSchema:
    """Tell pydantic, when it asks, to read the field with `parse_seconds`."""

    __slots__ = ()

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # Whoever calls this is pydantic: the import finds it loaded.
        from pydantic_core.core_schema import no_info_before_validator_function  # noqa: PLC0415

        return no_info_before_validator_function(_duration, handler(source))

    def __repr__(self) -> str:
        return "Seconds"


def _duration(value: object) -> float:
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - loaded: pydantic calls this

    try:
        return parse_seconds(value, "value")
    except ValueError as error:
        # pydantic names the field itself, and a ValueError would be shown as "Value error, ...".
        reason = str(error).removeprefix("value: ")
        raise PydanticCustomError("duration", "{reason}", {"reason": reason}) from None


Seconds = Annotated[float, _SecondsSchema()]
"""A duration in a handler's ``Settings``, as a float of seconds.

In a configuration file it may be a number of seconds or a string such as ``"250ms"``, ``"2s"``,
``"5m"`` or ``"1h"``; in code also a `datetime.timedelta`. Negative, infinite and NaN durations are
refused. As everywhere in pydantic, a default is taken as it stands: write it in seconds.
"""
