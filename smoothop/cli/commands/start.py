"""``smoothop start``."""

import typer

from smoothop.cli.options import AllOption, TimeoutOption, WaitOption
from smoothop.cli.reach import (
    OperatorOption,
    TokenOption,
    UrlOption,
    WorkersArgument,
    client_for,
)
from smoothop.cli.steering import steer


def command(  # noqa: PLR0917 - typer makes options of them
    context: typer.Context,
    names: WorkersArgument = None,
    take_all: AllOption = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Start workers of the running operator.

    One that runs goes on; one that is stopping runs again once it has stopped.
    """
    client = client_for(context, name, url, token_file)
    steer(
        client,
        names,
        take_all=take_all,
        act=lambda worker: client.start(worker, wait=wait, timeout=timeout),
    )
