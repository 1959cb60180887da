"""``smoothop send``."""

from __future__ import annotations

from typing import Annotated

import typer

from smoothop.cli.options import TimeoutOption
from smoothop.cli.payload import read_payload
from smoothop.cli.reach import OperatorOption, TokenOption, UrlOption, WorkerArgument, client_for
from smoothop.cli.terminal import say, show_json_line


def command(  # noqa: PLR0917 - typer makes options of them
    context: typer.Context,
    worker: WorkerArgument,
    payload: Annotated[
        str,
        typer.Argument(
            metavar="PAYLOAD", help="The message: JSON, @FILE, or - for standard input."
        ),
    ],
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait", help="Wait for the result, and print it as JSON on a line."
        ),
    ] = False,
    timeout: TimeoutOption = None,
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Send a message to a worker of the running operator."""
    message = read_payload(payload)
    client = client_for(context, name, url, token_file)
    result = client.send(worker, message, wait=wait, timeout=timeout)
    if wait:
        show_json_line(result)
    else:
        say(f"{worker}: message accepted")
