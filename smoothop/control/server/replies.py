"""Answers as responses of HTTP."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from smoothop.control.failures import Failure
from smoothop.control.wire import dump

# Nothing of it may be kept, guessed at, framed or read by a page of somebody else.
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


def reply(document: Any, status: int = 200) -> Response:
    """Return a response with a JSON body; it ends a line, for whoever sees it on a terminal."""
    return Response(dump(document) + b"\n", status, _HEADERS, "application/json")


def refusal(failure: Failure) -> Response:
    """Return the response that says no, the last on its connection.

    What else comes on it, such as the rest of a body that was refused, is not read.
    """
    response = reply(failure.document(), failure.status)
    response.headers["connection"] = "close"
    if failure.code == "unauthorized":
        response.headers["www-authenticate"] = "Bearer"
    if failure.code == "method_not_allowed":
        response.headers["allow"] = ", ".join(failure.details.get("allowed", ()))
    return response
