"""Errors on their way over the wire: to a status, a code and a message, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from smoothop.control.errors import ControlRefusedError, ControlRequestError
from smoothop.errors import (
    ConfigError,
    DispatchTimeoutError,
    HandlerFailedError,
    HandlerPanickedError,
    MailboxFullError,
    MessageDroppedError,
    OperatorClosedError,
    SmoothopError,
    StopTimeoutError,
    WorkerNotFoundError,
)

STATUS: Final = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "read_only": 403,
    "not_found": 404,
    "worker_not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "too_large": 413,
    "too_many": 429,
    "internal": 500,
    "operation_failed": 500,
    "stopping": 503,
    "mailbox_refused": 503,
    "stop_timeout": 504,
    "dispatch_timeout": 504,
    "no_outcome": 504,
}
"""The code of an error -> its HTTP status."""


class Failure(Exception):  # noqa: N818 - it becomes an answer, and is an error only on the way there
    """An answer that says no.

    Attributes:
        code: a key of `STATUS`.
        message: what is wrong, why, and what to do.
        details: more, for programs.
    """

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.code]

    def document(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"error": {"code": self.code, "message": self.message, **self.details}}


_CODES: Final = (
    (OperatorClosedError, "stopping"),
    (StopTimeoutError, "stop_timeout"),
    (DispatchTimeoutError, "dispatch_timeout"),
    (MailboxFullError, "mailbox_refused"),
    (ConfigError, "bad_request"),
    (WorkerNotFoundError, "worker_not_found"),
    (SmoothopError, "operation_failed"),
    (ValueError, "bad_request"),
)


def failure_of(error: Exception) -> Failure:
    """Return what a client is told of an error that an operation has raised."""
    if isinstance(error, Failure):
        return error
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Failure(code, str(error), _details(error))
    # Its text may hold anything; the log has it.
    return Failure("internal", "the operator could not answer; its log says why")


def _details(error: Exception) -> dict[str, Any]:
    match error:
        case WorkerNotFoundError():
            return {"worker": error.worker}
        case StopTimeoutError():
            return {"stuck": error.stuck}
        case _:
            return {}


def raise_failure(document: object, status: int) -> NoReturn:
    """Raise what the body of an answer that says no stands for."""
    match document:
        case {"error": {"code": str(code), "message": str(message)} as details}:
            raise _RAISED.get(code, _request_error)(code, message, details)
        case _:
            raise ControlRequestError(f"the answer has status {status} and does not say why")


def raise_outcome(outcome: str, text: str | None) -> NoReturn:
    """Raise what the handling of a message came to, when it is not a result.

    Raises:
        SmoothopError: always.
    """
    raise _OUTCOMES[outcome](text or outcome)


def _request_error(code: str, message: str, _: Mapping[str, Any]) -> Exception:
    return ControlRequestError(message, code)


def _refused(_code: str, message: str, _: Mapping[str, Any]) -> Exception:
    return ControlRefusedError(message)


def _stop_timeout(_code: str, message: str, details: Mapping[str, Any]) -> Exception:
    return StopTimeoutError(message, details.get("stuck", {}))


_RAISED: Final[dict[str, Callable[[str, str, Mapping[str, Any]], Exception]]] = {
    "unauthorized": _refused,
    "forbidden": _refused,
    "read_only": _refused,
    "worker_not_found": lambda _, message, details: WorkerNotFoundError(
        details.get("worker", message)
    ),
    "operation_failed": lambda _, message, __: SmoothopError(message),
    "stopping": lambda _, message, __: OperatorClosedError(message),
    "mailbox_refused": lambda _, message, __: MailboxFullError(message),
    "stop_timeout": _stop_timeout,
    "dispatch_timeout": lambda _, message, __: DispatchTimeoutError(message),
    "no_outcome": lambda _, message, __: TimeoutError(message),
}

_OUTCOMES: Final[dict[str, type[SmoothopError]]] = {
    "failed": HandlerFailedError,
    "panicked": HandlerPanickedError,
    "dropped": MessageDroppedError,
}
