"""Import what an entry point names, and tell what it is; whatever goes wrong, say where.

This is the one place that imports plugins. Everything a plugin's code can raise, `SystemExit` and
`KeyboardInterrupt` included, becomes a `PluginLoadError`.
"""

from __future__ import annotations

import dataclasses
import sys
from contextlib import contextmanager
from functools import reduce
from importlib import import_module
from inspect import iscoroutinefunction
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from smoothop._names import is_name
from smoothop.errors import InvalidHandlerError, PluginLoadError
from smoothop.handlers import handler_calls, is_handler_factory
from smoothop.plugins.side_effects import undone
from smoothop.plugins.wording import error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from smoothop.plugins.info import HandlerInfo, PluginInfo

_T = TypeVar("_T")
_PYDANTIC_SEARCH = "pydantic.plugin._loader"

Kind = Literal["class", "object", "function", "factory"]


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """What an entry point names, checked.

    Attributes:
        value: the class, object, function or factory itself.
        kind: which of them it is.
        settings_type: the ``Settings`` of a class that has one, otherwise ``None``.
    """

    value: Any
    kind: Kind
    settings_type: type | None = None


def import_target(info: HandlerInfo | PluginInfo) -> Any:
    """Import the object that an entry point names; what that changes in the process is undone."""
    module, _, attributes = info.target.partition(":")
    with undone(info, way_out(info)):
        imported = past_pydantic(lambda: import_module(module))
    return reduce(getattr, filter(None, attributes.split(".")), imported)


def past_pydantic(call: Callable[[], _T]) -> _T:
    """Return what `call` returns; call again if pydantic stumbled over a foreign distribution.

    When the first model or dataclass of a process is built, pydantic looks for plugins of its own
    and fails on a malformed ``entry_points.txt`` of any distribution. It looks only once.
    """
    try:
        return call()
    except Exception as error:
        frames = (frame for frame, _ in walk_tb(error.__traceback__))
        if any(frame.f_globals.get("__name__") == _PYDANTIC_SEARCH for frame in frames):
            return call()
        raise


def classify(value: Any) -> Loaded:
    """Tell what kind of handler, or maker of handlers, `value` is.

    Raises:
        InvalidHandlerError: it is none; says what would be right.
    """
    if isinstance(value, type):
        return Loaded(value, "class", _settings_type(value))
    if is_handler_factory(value) and not hasattr(value, "handle"):
        if iscoroutinefunction(value):
            raise InvalidHandlerError("a handler factory is a plain function, this one is async")
        return Loaded(value, "factory")
    handler_calls(value)
    return Loaded(value, "object" if hasattr(value, "handle") else "function")


def _settings_type(cls: type) -> type | None:
    if not callable(getattr(cls, "handle", None)):
        raise InvalidHandlerError(f"the class {cls.__qualname__} has no method handle(ctx)")
    settings = getattr(cls, "Settings", None)
    if settings is None or (isinstance(settings, type) and _has_fields(settings)):
        return settings
    raise InvalidHandlerError(
        f"{cls.__qualname__}.Settings must be a dataclass or a pydantic model, it is {settings!r}"
    )


def _has_fields(settings: type) -> bool:
    # A model can exist only if pydantic is loaded: no need to import it to recognise one.
    pydantic = sys.modules.get("pydantic")
    return dataclasses.is_dataclass(settings) or (
        pydantic is not None and issubclass(settings, pydantic.BaseModel)
    )


@contextmanager
def fence(info: HandlerInfo | PluginInfo, what: str) -> Iterator[None]:
    """Turn whatever the block raises into a `PluginLoadError` about `info`.

    A `KeyboardInterrupt` is taken for the plugin's own: who wants Ctrl-C to do something else
    while plugins are imported handles SIGINT before.
    """
    try:
        yield
    except BaseException as error:
        raise load_error(info, f"{what}: {located(error)}") from error


def load_error(info: HandlerInfo | PluginInfo, reason: str) -> PluginLoadError:
    """Return an error that names the plugin, the reason and the ways to get rid of it."""
    return PluginLoadError(f"{info.label} ({info.target}) {reason}{way_out(info)}")


def way_out(info: HandlerInfo | PluginInfo) -> str:
    """Return the end of a message: the command that removes the plugin, and how to disable it."""
    if info.distribution is None:
        return ""
    word = info.name if is_name(info.name) else info.distribution
    return (
        f"; remove it with '{sys.executable} -m pip uninstall {info.distribution}', or switch it "
        f'off with SMOOTHOP_DISABLE_PLUGINS={word} or disable = ["{word}"] under [plugins] in the '
        "configuration file"
    )


def located(error: BaseException) -> str:
    """Return type, text and failing line of an exception, on one line."""
    line = _failing_line(error)
    return error_text(error) + (f" ({line})" if line else "")


def _failing_line(error: BaseException) -> str | None:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    return _deepest_line(error.__traceback__)


def _deepest_line(traceback: TracebackType | None) -> str | None:
    """Return the innermost line that is neither ours nor the import system's."""
    deepest = None
    for frame, line in walk_tb(traceback):
        file = frame.f_code.co_filename
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in ("smoothop", "importlib") and not file.startswith("<frozen "):
            deepest = f"{file}:{line}"
    return deepest
