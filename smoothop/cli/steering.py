"""One action on several workers of the running operator, at once, each told on a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import typer

from smoothop.cli.exit_codes import ExitCode, exit_code_of
from smoothop.cli.terminal import say, show
from smoothop.errors import SmoothopError

if TYPE_CHECKING:
    from smoothop.control.answers import ActionResult
    from smoothop.control.clients.client import Client

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
        outcomes = zip(chosen, threads.map(lambda name: _outcome(name, act), chosen), strict=True)
        codes = {code for name, outcome in outcomes if (code := _tell(name, outcome))}
    if codes:
        raise typer.Exit(next((code for code in _GRAVEST_FIRST if code in codes), max(codes)))


def _chosen(client: Client, patterns: Iterable[str]) -> list[str]:
    """Return the names that are meant, each once; a glob that means none stands for itself."""
    known: list[str] | None = None
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if _NEVER_A_NAME.isdisjoint(pattern):
            chosen[pattern] = None
            continue
        if known is None:
            known = [worker.name for worker in client.workers()]
        matching = [name for name in known if fnmatchcase(name, pattern)]
        chosen |= dict.fromkeys(matching or ([] if pattern == "*" else [pattern]))
    return list(chosen)


def _outcome(name: str, act: Act) -> ActionResult | Exception:
    try:
        return act(name)
    except (SmoothopError, TimeoutError) as error:
        return error


def _tell(name: str, outcome: ActionResult | Exception) -> ExitCode:
    """Tell what became of a worker; return the exit code that this stands for."""
    if isinstance(outcome, Exception):
        say(*f"{name}: {outcome}".split("\n"))
        return exit_code_of(outcome)
    show(sentence(outcome))
    return ExitCode.OK


def sentence(result: ActionResult) -> str:
    """Return what became of a worker, on a line."""
    done, there_already = _WORDS[result.action]
    if result.action == "stop" and result.status != "stopped":
        done = there_already = "stopping"
    elif result.action in ("start", "restart") and result.phase == "stopping":
        done = "starts once it has stopped"
    return f"{result.worker}: {done if result.changed else f'{there_already}, as before'}"


_WORDS: Final = {
    "start": ("started", "running"),
    "stop": ("stopped", "stopped"),
    "restart": ("restarted", "running"),
    "pause": ("paused", "paused"),
    "resume": ("resumed", "not paused"),
    "concurrency": ("scaled", "scaled"),
}
"""Action -> what is said when it has made a difference, and when it was so already."""
