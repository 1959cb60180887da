"""Every error that smoothop raises on purpose.

::

    SmoothopError
    ├── WorkerExistsError
    ├── WorkerNotFoundError      (also a LookupError)
    ├── InvalidHandlerError      (also a TypeError)
    ├── DispatchTimeoutError     (also a TimeoutError)
    ├── MailboxFullError
    ├── MessageDroppedError
    ├── HandlerFailedError
    ├── HandlerPanickedError
    ├── StopTimeoutError         (also a TimeoutError)
    ├── OperatorClosedError
    └── PluginError
        ├── PluginLoadError
        └── ConfigError

A bad value for a field of `Config` or a duration is a plain `ValueError`, as
everywhere in Python.
"""

from __future__ import annotations

from collections.abc import Mapping


class SmoothopError(Exception):
    """The root of every error that smoothop raises on purpose."""


class WorkerExistsError(SmoothopError):
    """A worker of that name is already registered; `worker` is the name."""

    def __init__(self, worker: str) -> None:
        super().__init__(f"worker {worker} already exists")
        self.worker = worker

    def __reduce__(self) -> tuple[type[WorkerExistsError], tuple[str]]:
        return type(self), (self.worker,)


class WorkerNotFoundError(SmoothopError, LookupError):
    """No worker of that name is registered; `worker` is the name."""

    def __init__(self, worker: str) -> None:
        super().__init__(f"worker {worker} not found")
        self.worker = worker

    def __reduce__(self) -> tuple[type[WorkerNotFoundError], tuple[str]]:
        return type(self), (self.worker,)


class InvalidHandlerError(SmoothopError, TypeError):
    """What was given as a handler is not one."""


class DispatchTimeoutError(SmoothopError, TimeoutError):
    """The message found no room in the mailbox in time; it was not accepted."""


class MailboxFullError(SmoothopError):
    """Waiting for room in this mailbox could never end; the message was not accepted."""


class MessageDroppedError(SmoothopError):
    """The message was accepted, but no handler will finish it any more."""


class HandlerFailedError(SmoothopError):
    """The handler answered the message with `fail`; its error is the ``__cause__``."""


class HandlerPanickedError(SmoothopError):
    """The handler panicked on the message; the exception is the ``__cause__``."""


class StopTimeoutError(SmoothopError, TimeoutError):
    """One or more workers did not stop in time.

    Attributes:
        stuck: name of each worker that is still running -> the stack it stands at.
    """

    def __init__(self, message: str, stuck: Mapping[str, str]) -> None:
        super().__init__(message)
        self.stuck: dict[str, str] = dict(stuck)

    def __reduce__(self) -> tuple[type[StopTimeoutError], tuple[str, dict[str, str]]]:
        return type(self), (str(self), self.stuck)


class OperatorClosedError(SmoothopError):
    """The operator was closed or its cancellation cancelled; nothing can be started on it."""


class PluginError(SmoothopError):
    """The root of what can be wrong with plugins and with the configuration that selects them."""


class PluginLoadError(PluginError):
    """A plugin could not be imported or built; the reason is the ``__cause__``."""


class ConfigError(PluginError):
    """A configuration asks for something that cannot be done."""
