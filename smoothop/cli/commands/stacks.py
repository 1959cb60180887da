"""``smoothop stacks``."""

import os
from collections.abc import Iterator, Mapping
from typing import Final

import typer

from smoothop.cli.options import AsJson
from smoothop.cli.reach import OperatorOption, TokenOption, UrlOption, chosen_name, client_for
from smoothop.cli.terminal import say, show, show_json
from smoothop.control.errors import OperatorNotRunningError

_PATIENCE: Final = 2.0


def command(
    context: typer.Context,
    as_json: AsJson = False,
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Show where all code of the running operator stands.

    If it does not answer within 2 s, its process is asked by a signal (SIGUSR2). Then the stacks
    are by thread, the innermost call first.
    """
    client = client_for(context, name, url, token_file, timeout=_PATIENCE)
    try:
        found = client.stacks()
    except TimeoutError:
        if url is not None or as_json:  # the process may be on another machine; a dump is text
            raise
        say("the operator does not answer: its process is asked by a signal")
        show(*_dump(chosen_name(context, name)).splitlines())
        return
    if as_json:
        show_json({"workers": found.workers, "threads": found.threads})
    else:
        show(*_lines(found.workers), *_lines(found.threads, "thread "))


def _lines(stacks: Mapping[str, str], what: str = "") -> Iterator[str]:
    for name, stack in stacks.items():
        yield f"{what}{name}:"
        yield from stack.splitlines()
        yield ""


def _dump(name: str) -> str:
    from smoothop.control.dump import ask_for_dump  # noqa: PLC0415 - hardly ever
    from smoothop.control.place import places  # noqa: PLC0415

    *others, last = places(name, os.environ)
    for place in others:
        try:
            return ask_for_dump(place)
        except OperatorNotRunningError:
            continue
    return ask_for_dump(last)
