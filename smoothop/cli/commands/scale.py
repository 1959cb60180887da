"""``smoothop scale``."""

from __future__ import annotations

from typing import Annotated

import typer

from smoothop.cli.options import TimeoutOption, WaitOption
from smoothop.cli.reach import OperatorOption, TokenOption, UrlOption, WorkerArgument, client_for
from smoothop.cli.steering import sentence
from smoothop.cli.terminal import show


def command(  # noqa: PLR0917 - typer makes options of them
    context: typer.Context,
    worker: WorkerArgument,
    count: Annotated[
        int, typer.Argument(metavar="N", min=1, help="How many calls may run side by side.")
    ],
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Let a worker run N handle calls side by side.

    It holds until the operator ends or the worker is scaled again. With fewer than before, it
    waits until the calls that are too many have returned.
    """
    client = client_for(context, name, url, token_file)
    show(sentence(client.scale(worker, count, wait=wait, timeout=timeout)))
