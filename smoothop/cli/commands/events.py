"""``smoothop events``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from smoothop.assembly.problems import Problem, ProblemsError
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.reach import (
    OperatorOption,
    TokenOption,
    UrlOption,
    client_for,
    worker_names,
)
from smoothop.cli.spans import span
from smoothop.cli.terminal import let_stdout_go, say, show, show_json_line
from smoothop.control.errors import AnswerCutError
from smoothop.events import KINDS, MetricEvent, event_dict

if TYPE_CHECKING:
    from smoothop.control.clients.client import Client, EventReader


def command(  # noqa: PLR0917 - typer makes options of them
    context: typer.Context,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    worker: Annotated[
        str | None,
        typer.Option(
            "--worker", metavar="NAME", help="Of this worker only.", autocompletion=worker_names
        ),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help=f"Of this kind only, can be repeated: {', '.join(KINDS)}."),
    ] = None,
    name: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Follow what happens to the workers.

    Until Ctrl-C, or until the operator ends.
    """
    client = client_for(context, name, url, token_file)
    try:
        with _reader(client, worker, kinds) as reader:
            say("following; Ctrl-C ends this")
            _follow(reader, as_json=as_json)
        say("the operator has ended")
    except AnswerCutError:
        say("the operator has ended without a word: killed, crashed, or with no time to say so")
        raise typer.Exit(ExitCode.NOT_RUNNING) from None
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # whoever read has seen enough
        let_stdout_go()


def _reader(client: Client, worker: str | None, kinds: list[str] | None) -> EventReader:
    try:
        return client.events(worker, kinds or None)
    except ValueError as error:
        raise ProblemsError([Problem("--kind", str(error))]) from None


def _follow(reader: EventReader, *, as_json: bool) -> None:
    dropped = 0
    for event in reader:
        if reader.dropped > dropped:
            say(f"{reader.dropped - dropped} events were dropped: they came faster than was read")
            dropped = reader.dropped
        if as_json:
            show_json_line(event_dict(event))
        else:
            show(line(event))
            sys.stdout.flush()


def line(event: MetricEvent) -> str:
    """Return an event on one line, for people."""
    stamp = time.strftime("%H:%M:%S", time.localtime(event.time))
    known = event_dict(event)
    known["duration"] = span(known["duration"]) if "duration" in known else None
    said = (known.get(key) for key in ("event", "status", "attempt", "duration", "reason", "error"))
    words = " ".join(str(word).partition("\n")[0] for word in said if word is not None)
    return f"{stamp} {event.worker} | {event.kind} {words}".rstrip()
