"""What ``import smoothop`` offers: the names of the words and the engine, and those of plugins.

The former are loaded with this module. `Registry`, `hookimpl` and `hookspecs` are loaded when they
are first used, so that an application that embeds an `Operator` pays for no plugin machinery.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smoothop.config import Config
from smoothop.engine.cancellation import Cancellation
from smoothop.engine.completion import Completion
from smoothop.engine.messages.receipt import Receipt
from smoothop.engine.operator import Operator
from smoothop.engine.watching.observing import ObserverInfo
from smoothop.engine.watching.streams import MetricStream
from smoothop.engine.worker.context import AsyncContext, Context
from smoothop.engine.worker.view import Worker
from smoothop.errors import (
    ConfigError,
    DispatchTimeoutError,
    HandlerFailedError,
    HandlerPanickedError,
    InvalidHandlerError,
    MailboxFullError,
    MessageDroppedError,
    OperatorClosedError,
    PluginError,
    PluginLoadError,
    SmoothopError,
    StopTimeoutError,
    WorkerExistsError,
    WorkerNotFoundError,
)
from smoothop.events import (
    DispatchEvent,
    HandleEvent,
    LifecycleEvent,
    MetricEvent,
    PanicEvent,
    Phase,
    Status,
    StuckEvent,
    WorkerSnapshot,
)
from smoothop.handlers import Handler, handler_factory
from smoothop.results import HandleResult, HandleStatus, done, fail, none
from smoothop.settings import Seconds

if TYPE_CHECKING:
    from smoothop import hookspecs
    from smoothop.hookspecs import hookimpl
    from smoothop.plugins.info import HandlerInfo, PluginInfo
    from smoothop.plugins.registry import Registry

_LAZY = {
    "HandlerInfo": ("smoothop.plugins.info", "HandlerInfo"),
    "PluginInfo": ("smoothop.plugins.info", "PluginInfo"),
    "Registry": ("smoothop.plugins.registry", "Registry"),
    "hookimpl": ("smoothop.hookspecs", "hookimpl"),
    "hookspecs": ("smoothop.hookspecs", None),
}

__all__ = [
    "AsyncContext",
    "Cancellation",
    "Completion",
    "Config",
    "ConfigError",
    "Context",
    "DispatchEvent",
    "DispatchTimeoutError",
    "HandleEvent",
    "HandleResult",
    "HandleStatus",
    "Handler",
    "HandlerFailedError",
    "HandlerInfo",
    "HandlerPanickedError",
    "InvalidHandlerError",
    "LifecycleEvent",
    "MailboxFullError",
    "MessageDroppedError",
    "MetricEvent",
    "MetricStream",
    "ObserverInfo",
    "Operator",
    "OperatorClosedError",
    "PanicEvent",
    "Phase",
    "PluginError",
    "PluginInfo",
    "PluginLoadError",
    "Receipt",
    "Registry",
    "Seconds",
    "SmoothopError",
    "Status",
    "StopTimeoutError",
    "StuckEvent",
    "Worker",
    "WorkerExistsError",
    "WorkerNotFoundError",
    "WorkerSnapshot",
    "done",
    "fail",
    "handler_factory",
    "hookimpl",
    "hookspecs",
    "none",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'smoothop' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    loaded = import_module(module)
    value = loaded if attribute is None else getattr(loaded, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
