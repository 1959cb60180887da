"""Options that several commands share."""

from typing import Annotated

import typer

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
