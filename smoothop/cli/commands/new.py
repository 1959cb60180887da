"""``smoothop new``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from smoothop.authoring import write_package
from smoothop.cli.terminal import say, show


def command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of the package and its handler: acme-watch.")
    ],
    observer: Annotated[
        bool, typer.Option("--observer", help="A hook plugin instead of a handler.")
    ] = False,
) -> None:
    """Write a new package that brings a handler, tests included."""
    written = write_package(Path(), name, observer=observer)
    show(*(f"wrote {path}" for path in written))
    python = Path(sys.executable).name
    say(
        "next:",
        f"  cd {name}",
        f"  {python} -m pip install --editable . pytest",
        f"  {python} -m pytest",
        "  smoothop plugins" if observer else f"  smoothop run {name}",
    )
