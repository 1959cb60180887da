"""``smoothop ps``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smoothop.cli.options import AsJson, duration
from smoothop.cli.overview import overview
from smoothop.cli.reach import OperatorOption, TokenOption, UrlOption, client_for
from smoothop.cli.terminal import columns, redraw, show, show_json

if TYPE_CHECKING:
    from smoothop.control.clients.client import Client

_SHORTEST: Final = 0.1
_LONGEST: Final = 86_400.0
"""Seconds between two tables; nobody means more, and much more is none that one can sleep."""


def _interval(text: object) -> float:
    interval = duration(text)
    if not _SHORTEST <= interval <= _LONGEST:
        raise typer.BadParameter(f"a duration from 100ms to 24h, not {text!r}")
    return interval


def command(  # noqa: PLR0917 - typer makes options of them
    context: typer.Context,
    as_json: AsJson = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Draw the table again and again, until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float,
        typer.Option(
            "--interval",
            metavar="DURATION",
            parser=_interval,
            help="Between two tables of --watch: seconds, 500ms, 2m.",
        ),
    ] = 2,
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Show the workers of the running operator."""
    if watch and as_json:
        raise typer.BadParameter("give --json or --watch, not both")
    client = client_for(context, name, url, token_file)
    if watch:
        _watch(client, interval)
    snapshots = [worker.to_dict() for worker in client.workers()]
    if as_json:
        show_json(snapshots)
    else:
        show(*overview(snapshots, columns(sys.stdout)))


def _watch(client: Client, interval: float) -> None:
    """Draw the table until somebody presses Ctrl-C, or the operator has ended.

    Raises:
        typer.Exit: after Ctrl-C.
        OperatorNotRunningError: the operator has ended.
    """
    try:
        while True:
            snapshots = [worker.to_dict() for worker in client.workers()]
            redraw(overview(snapshots, columns(sys.stdout)))
            time.sleep(interval)
    except KeyboardInterrupt:
        raise typer.Exit from None
