"""What a client asks for: each call as plain data, and how its answer is read.

Both clients carry these out; they differ only in how they wait.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from smoothop._durations import Duration, seconds
from smoothop._names import is_name
from smoothop.control.answers import (
    ActionResult,
    Health,
    OperatorInfo,
    Stacks,
    WorkerDetails,
    read,
    read_details,
)
from smoothop.control.failures import raise_outcome
from smoothop.engine.watching.streams import checked_kinds
from smoothop.errors import WorkerNotFoundError
from smoothop.events import WorkerSnapshot

T = TypeVar("T")

logger = logging.getLogger("smoothop.control")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        method: of HTTP.
        target: path and query.
        read: makes the result from the answer's JSON.
        document: the body, if there is one.
        patience: seconds that the server itself may take, above the client's timeout; ``None``:
            as long as it takes.
        says_no: the status of an answer that says no and is a result all the same.
    """

    method: str
    target: str
    read: Callable[[Any], T]
    document: Any = None
    patience: float | None = 0
    says_no: int | None = None

    def body(self) -> bytes:
        """Return the body; raises what `json` raises for what is no JSON."""
        return b"" if self.document is None else json.dumps(self.document, allow_nan=False).encode()


def operator() -> Call[OperatorInfo]:
    """Ask for the operator itself."""
    return Call("GET", "/operator", lambda answer: read(OperatorInfo, answer))


def stop_operator() -> Call[bool]:
    """Ask the operator to stop; the result is whether it ends."""
    return Call("POST", "/operator/stop", lambda answer: bool(answer["ends"]))


def health(*, ready: bool) -> Call[Health]:
    """Ask whether the operator lives, or is ready."""
    path = "/readyz" if ready else "/livez"
    return Call("GET", path, lambda answer: read(Health, answer), says_no=503)


def workers() -> Call[list[WorkerSnapshot]]:
    """Ask for all workers."""
    return Call("GET", "/workers", lambda answer: [read(WorkerSnapshot, one) for one in answer])


def worker(name: str) -> Call[WorkerDetails]:
    """Ask for everything about one."""
    return Call("GET", _path(name), read_details)


def action(
    name: str, verb: str, *, wait: bool = True, timeout: Duration | None = None
) -> Call[ActionResult]:
    """Ask for an action on a worker."""
    return _waiting("POST", f"{_path(name)}/{verb}", None, wait=wait, timeout=timeout)


def scale(
    name: str, concurrency: int, *, wait: bool = True, timeout: Duration | None = None
) -> Call[ActionResult]:
    """Ask for another number of handle calls side by side."""
    document = {"concurrency": concurrency}
    return _waiting("PUT", f"{_path(name)}/concurrency", document, wait=wait, timeout=timeout)


def message(name: str, content: Any, *, wait: bool, timeout: Duration | None) -> Call[Any]:
    """Send a message; the result is that of the handler if it is waited for."""
    limit = None if timeout is None else seconds(timeout, "timeout")
    document = {"message": content, "wait": wait, "timeout": limit}
    return Call("POST", f"{_path(name)}/messages", _outcome, document, patience=limit)


def events(worker: str | None, kinds: Iterable[str] | None) -> Call[None]:
    """Follow the events."""
    query = [] if worker is None else [("worker", worker)]
    if kinds is not None:
        query += [("kind", kind) for kind in sorted(checked_kinds(kinds))]
    return Call("GET", f"/events?{urlencode(query)}", lambda _: None, patience=None)


def stacks() -> Call[Stacks]:
    """Ask where all code stands."""
    return Call("GET", "/stacks", lambda answer: read(Stacks, answer))


def _waiting(
    method: str, path: str, document: Any, *, wait: bool, timeout: Duration | None
) -> Call[ActionResult]:
    limit = None if timeout is None else seconds(timeout, "timeout")
    query = {"wait": "true" if wait else "false"}
    if limit is not None:
        query["timeout"] = f"{limit:.3f}"
    return Call(
        method,
        f"{path}?{urlencode(query)}",
        lambda answer: read(ActionResult, answer),
        document,
        patience=limit if wait else 0,
    )


def _path(name: str) -> str:
    if not is_name(name):  # no worker has it, and a slash in it would make another route
        raise WorkerNotFoundError(name)
    return f"/workers/{name}"


def _outcome(answer: dict[str, Any]) -> Any:
    outcome = answer.get("outcome", "done")  # an answer without one: it was only accepted
    if outcome != "done":
        raise_outcome(outcome, answer.get("error"))
    if answer.get("error") is not None:  # what the handler did is done, whatever can be said of it
        logger.warning("%s", answer["error"])
    return answer.get("result")
