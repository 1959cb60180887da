"""``smoothop scale``."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from smoothop.cli.options import TimeoutOption, WaitOption
from smoothop.cli.reach import OperatorOption, TokenOption, UrlOption, WorkerArgument, client_for
from smoothop.cli.steering import sentence
from smoothop.cli.terminal import show
from smoothop.control.wire import MOST_SLOTS

CONTEXT_SETTINGS: Final = {"ignore_unknown_options": True}
"""So that a negative number is told what is wrong with it, not that it is no option."""


def _count(text: str) -> int:
    if not re.fullmatch("[+-]?[0-9]{1,9}", text):
        raise typer.BadParameter(f"{text!r}: give a whole number, from 1 to {MOST_SLOTS}")
    if int(text) < 1:
        raise typer.BadParameter(
            f"{text}: a worker runs 1 call at least; 'smoothop pause' lets it handle none"
        )
    if int(text) > MOST_SLOTS:
        raise typer.BadParameter(
            f"{text}: at most {MOST_SLOTS} from here, as each call may take a thread; more takes "
            "'concurrency' in the configuration file"
        )
    return int(text)


def command(  # noqa: PLR0917 - typer makes options of them
    context: typer.Context,
    worker: WorkerArgument,
    count: Annotated[
        int,
        typer.Argument(
            metavar="N",
            parser=_count,
            help=f"How many calls may run side by side: 1 to {MOST_SLOTS}.",
        ),
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
