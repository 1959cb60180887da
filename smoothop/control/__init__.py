"""Look into a running operator and steer it: the server inside it, and the clients.

Nothing is imported before it is used: a client needs no web server, and a server no client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smoothop.control.answers import (
        ActionResult,
        Health,
        OperatorInfo,
        Stacks,
        WorkerDetails,
    )
    from smoothop.control.clients.async_client import AsyncClient
    from smoothop.control.clients.client import Client
    from smoothop.control.errors import (
        AnswerCutError,
        ControlError,
        ControlRefusedError,
        ControlRequestError,
        ControlStartError,
        NameTakenError,
        OperatorNotRunningError,
    )
    from smoothop.control.server.server import ControlServer

_MODULES = {
    "ActionResult": "answers",
    "AnswerCutError": "errors",
    "AsyncClient": "clients.async_client",
    "Client": "clients.client",
    "ControlError": "errors",
    "ControlRefusedError": "errors",
    "ControlRequestError": "errors",
    "ControlServer": "server.server",
    "ControlStartError": "errors",
    "Health": "answers",
    "NameTakenError": "errors",
    "OperatorInfo": "answers",
    "OperatorNotRunningError": "errors",
    "Stacks": "answers",
    "WorkerDetails": "answers",
}

__all__ = [
    "ActionResult",
    "AnswerCutError",
    "AsyncClient",
    "Client",
    "ControlError",
    "ControlRefusedError",
    "ControlRequestError",
    "ControlServer",
    "ControlStartError",
    "Health",
    "NameTakenError",
    "OperatorInfo",
    "OperatorNotRunningError",
    "Stacks",
    "WorkerDetails",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'smoothop.control' has no attribute {name!r}")
    value = getattr(import_module(f"smoothop.control.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
