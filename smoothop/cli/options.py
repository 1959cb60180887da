"""Options that several commands share."""

from typing import Annotated

import typer

from smoothop._durations import parse_seconds

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration file; default: ./smoothop.toml, or [tool.smoothop] of "
        "./pyproject.toml (also SMOOTHOP_CONFIG).",
    ),
]

AllOption = Annotated[bool, typer.Option("--all", help="All workers.")]

WaitOption = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until it is done; the default.")
]


def duration(text: object) -> float:
    """Return what an option says in seconds; its default comes by here as well."""
    try:
        return parse_seconds(text, "value")
    except ValueError as error:
        raise typer.BadParameter(str(error).removeprefix("value: ")) from None


TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        parser=duration,
        help="Wait at most so long: seconds, 500ms, 2m; default: as long as it takes.",
    ),
]
