"""How commands reach a running operator: the options they share, and the client these name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smoothop.assembly.problems import Problem, ProblemsError
from smoothop.errors import SmoothopError

if TYPE_CHECKING:
    from smoothop.cli.application import Invocation
    from smoothop.control.clients.client import Client

_TAB_PATIENCE = 0.5
"""Seconds that somebody who pressed Tab is kept waiting at most."""


def worker_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the running operator's workers that begin like this, for the shell."""
    given = context.params
    try:
        client = client_for(
            context,
            given.get("name"),
            given.get("url"),
            given.get("token_file"),
            timeout=_TAB_PATIENCE,
        )
        names = [worker.name for worker in client.workers()]
    except (SmoothopError, OSError):  # nothing to offer, and no place to say why
        return []
    return [name for name in names if name.startswith(incomplete)]


OperatorOption = Annotated[
    str | None,
    typer.Option("--name", help="Which operator; default: as in the configuration file."),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="http://HOST:PORT of an operator that was run with --http."
    ),
]
TokenOption = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="The token that operator asks for."),
]
WorkerArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A worker.", autocompletion=worker_names)
]
WorkersArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME...",
        help="Workers; * and ? stand for any characters.",
        autocompletion=worker_names,
    ),
]


def client_for(
    context: typer.Context,
    name: str | None,
    url: str | None,
    token_file: Path | None,
    *,
    timeout: float = 10,
) -> Client:
    """Return a client for the operator that the options name.

    Raises:
        ProblemsError: an option says something that cannot be.
    """
    from smoothop.control.clients.client import Client  # noqa: PLC0415 - it needs the HTTP parser

    chosen = chosen_name(context, name)
    token = None if token_file is None else _token(token_file)
    try:
        return Client(chosen, url=url, token=token, timeout=timeout)
    except ValueError as error:
        raise ProblemsError([Problem("--name" if url is None else "--url", str(error))]) from None


def chosen_name(context: typer.Context, name: str | None) -> str:
    """Return the name of the operator that is meant."""
    invocation: Invocation = context.obj
    return name or str(invocation.resolve(None).operator["name"].value)


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        what = f"{path} cannot be read: {error.strerror or error}"
    except UnicodeDecodeError:
        what = f"{path} holds no token: it is not ASCII"
    raise ProblemsError([Problem("--token-file", what)])
