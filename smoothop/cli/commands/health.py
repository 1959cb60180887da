"""``smoothop health``."""

from __future__ import annotations

from typing import Annotated

import typer

from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.reach import OperatorOption, TokenOption, UrlOption, client_for
from smoothop.cli.terminal import say, show


def command(
    context: typer.Context,
    ready: Annotated[
        bool,
        typer.Option("--ready", help="Ask whether every worker that should run does, instead."),
    ] = False,
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Tell whether the running operator is well; for probes.

    It is, as long as its timers and its event loop get round to what is due. If not, the exit code
    is 1.
    """
    health = client_for(context, name, url, token_file).health(ready=ready)
    if health.ok:
        show("ready" if ready else "alive")
        return
    say(*(health.reasons or ["not ready" if ready else "not alive"]))
    raise typer.Exit(ExitCode.FAILED)
