"""``smoothop stop``."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

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
from smoothop.control.errors import AnswerCutError, OperatorNotRunningError

if TYPE_CHECKING:
    from smoothop.control.clients.client import Client

_PAUSE: Final = 0.05


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
    """Stop workers of the running operator.

    With --all the operator itself ends as well, once they have stopped.
    """
    client = client_for(context, name, url, token_file)
    steer(
        client,
        names,
        take_all=take_all,
        act=lambda worker: client.stop(worker, wait=wait, timeout=timeout),
    )
    if take_all:
        _end(client, wait=wait)


def _end(client: "Client", *, wait: bool) -> None:
    """End the operator; wait, if wanted, until nobody answers any more under its name.

    It answers until its very end, which the grace time bounds; nothing it could tell comes after.
    The workers are told already, so one that has just ended by itself is all that is wanted.
    """
    with suppress(OperatorNotRunningError):
        ends = _asked_to_end(client)
        while ends and wait:
            with suppress(AnswerCutError):  # whether that was its end, the next one knows
                client.operator()
            time.sleep(_PAUSE)


def _asked_to_end(client: "Client") -> bool:
    """Tell whether the operator will end; if its answer is cut, it does so already."""
    try:
        return client.stop_operator()
    except AnswerCutError:
        return True
