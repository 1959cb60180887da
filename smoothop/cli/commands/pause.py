"""``smoothop pause``."""

import typer

from smoothop.cli.options import AllOption
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
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Let workers handle nothing until they are resumed.

    What a worker is handling is finished first. Messages are still accepted, and wait.
    """
    client = client_for(context, name, url, token_file)
    steer(client, names, take_all=take_all, act=client.pause)
