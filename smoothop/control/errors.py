"""What can go wrong between a program and a running operator.

::

    SmoothopError
    └── ControlError
        ├── OperatorNotRunningError
        │   └── AnswerCutError
        ├── ControlRefusedError
        ├── ControlRequestError
        └── ControlStartError
            └── NameTakenError

What an operation itself comes to is raised as in the operator's own process:
`WorkerNotFoundError`, `StopTimeoutError`, `HandlerFailedError` and so on.
"""

from __future__ import annotations

from smoothop.errors import SmoothopError


class ControlError(SmoothopError):
    """The root of what can go wrong between a program and a running operator."""


class OperatorNotRunningError(ControlError):
    """Nobody answers under that name or address; the message says where was looked."""


class AnswerCutError(OperatorNotRunningError):
    """The connection was closed before the whole answer had come: most likely the operator ends.

    Whether it has done what it was asked is not known.
    """


class ControlRefusedError(ControlError):
    """The operator runs and refuses the request: no valid token, other user, or read-only."""


class ControlRequestError(ControlError):
    """The operator could not make sense of the request, or the client of the answer.

    Attributes:
        code: the error's code in the answer, or ``"protocol"``.
    """

    def __init__(self, message: str, code: str = "protocol") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[ControlRequestError], tuple[str, str]]:
        return type(self), (str(self), self.code)


class ControlStartError(ControlError):
    """The control server cannot start; says why, and what to do."""


class NameTakenError(ControlStartError):
    """Another operator has this name.

    Attributes:
        name: the name.
        pid: the process that has it; ``None`` if it did not say.
    """

    def __init__(self, message: str, name: str, pid: int | None) -> None:
        super().__init__(message)
        self.name = name
        self.pid = pid

    def __reduce__(self) -> tuple[type[NameTakenError], tuple[str, str, int | None]]:
        return type(self), (str(self), self.name, self.pid)
