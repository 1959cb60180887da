"""``smoothop stacks``."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

import typer

from smoothop.cli.options import AsJson
from smoothop.cli.reach import OperatorOption, TokenOption, UrlOption, chosen_name, client_for
from smoothop.cli.terminal import say, show, show_json
from smoothop.control.answers import Stacks
from smoothop.control.dump import ask_for_dump, holder, takes_turns
from smoothop.control.place import Place, places

_PATIENCE: Final = 2.0
_MORE_PATIENCE: Final = 10.0


def command(
    context: typer.Context,
    as_json: AsJson = False,
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Show where all code of the running operator stands.

    Workers come first, each with the tasks that are known to be its own, then the other tasks of
    the event loop, then the other threads. If it does not answer within 2 s, its process is asked
    by a signal (SIGUSR2). Then the stacks are by thread, the innermost call first: whose they are
    is not told, and tasks that wait are not there.
    """
    try:
        found = _asked(context, name, url, token_file)
    except TimeoutError:
        if url is not None or as_json:  # the process may be on another machine; a dump is text
            raise
        say("the operator does not answer: its process is asked by a signal")
        show(*ask_for_dump(_place(context, name)).splitlines())
        return
    if as_json:
        show_json(asdict(found))
    else:
        tasks = found.tasks or {}  # an older operator does not tell
        show(*_lines(found.workers), *_lines(tasks, "task "), *_lines(found.threads, "thread "))


def _asked(
    context: typer.Context, name: str | None, url: str | None, token_file: Path | None
) -> Stacks:
    """Ask the operator; one that is only slow gets more time.

    Raises:
        TimeoutError: it does not answer.
    """
    try:
        return client_for(context, name, url, token_file, timeout=_PATIENCE).stacks()
    except TimeoutError:
        if url is None and takes_turns(_place(context, name)):
            return client_for(context, name, url, token_file, timeout=_MORE_PATIENCE).stacks()
        raise


def _place(context: typer.Context, name: str | None) -> Place:
    """Return where the operator is, or would be if there were one."""
    found = places(chosen_name(context, name), os.environ)
    return next((place for place in found if holder(place) is not None), found[-1])


def _lines(stacks: Mapping[str, str], what: str = "") -> Iterator[str]:
    for name, stack in stacks.items():
        yield f"{what}{name}:"
        yield from stack.splitlines()
        yield ""
