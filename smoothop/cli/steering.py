"""One action on several workers of the running operator, at once, each told on a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import typer

from smoothop.cli.exit_codes import ExitCode, exit_code_of
from smoothop.cli.terminal import say, show
from smoothop.errors import SmoothopError, WorkerNotFoundError

if TYPE_CHECKING:
    from smoothop.control.answers import ActionResult
    from smoothop.control.client import Client

Act = Callable[[str], "ActionResult"]

_AT_ONCE: Final = 32
_GRAVEST_FIRST: Final = (ExitCode.REFUSED, ExitCode.FAILED, ExitCode.NOT_RUNNING)
_NEVER_A_NAME: Final = frozenset("*?[")


def steer(client: Client, names: Sequence[str] | None, *, take_all: bool, act: Act) -> None:
    """Do `act` for each worker; tell what became of it, or why not.

    All are asked at the same time, so that the slowest decides how long it takes. One that
    refuses keeps no other from being asked.

    Args:
        client: knows the workers, for globs and for all.
        names: names and globs.
        take_all: all workers instead.
        act: asks one worker.

    Raises:
        typer.Exit: with the exit code of the gravest error.
    """
    if bool(names) is take_all:
        raise typer.BadParameter("give names, or --all")
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        chosen = _chosen(client, ("*",) if take_all else names or ())
        errors = [*threads.map(lambda name: _told(name, act), chosen)]
    codes = {exit_code_of(error) for error in errors if error is not None}
    if codes:
        raise typer.Exit(next((code for code in _GRAVEST_FIRST if code in codes), max(codes)))


def _chosen(client: Client, patterns: Iterable[str]) -> list[str]:
    """Return the names that are meant, each once.

    Raises:
        WorkerNotFoundError: a glob means none.
    """
    known: list[str] | None = None
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if _NEVER_A_NAME.isdisjoint(pattern):
            chosen[pattern] = None
            continue
        if known is None:
            known = [worker.name for worker in client.workers()]
        matching = [name for name in known if fnmatchcase(name, pattern)]
        if not matching and pattern != "*":
            raise WorkerNotFoundError(pattern)
        chosen |= dict.fromkeys(matching)
    return list(chosen)


def _told(name: str, act: Act) -> Exception | None:
    """Do it for one worker and tell about it; return the error it ended in."""
    try:
        result = act(name)
    except (SmoothopError, TimeoutError) as error:
        say(*f"{name}: {error}".split("\n"))
        return error
    show(sentence(result))
    return None


def sentence(result: ActionResult) -> str:
    """Return what became of a worker, on a line."""
    now = result.phase if result.status == "running" else result.status
    if not result.changed:
        return f"{result.worker}: {now}, as before"
    return f"{result.worker}: {_DONE.get(result.action, result.action)}, now {now}"


_DONE: Final = {
    "start": "started",
    "stop": "asked to stop",
    "restart": "restarted",
    "pause": "paused",
    "resume": "resumed",
    "scale": "scaled",
}
