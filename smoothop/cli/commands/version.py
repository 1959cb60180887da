"""``smoothop version``."""

from __future__ import annotations

import platform
import sys

from smoothop.assembly.versions import own_version
from smoothop.cli.options import AsJson
from smoothop.cli.terminal import show, show_json


def command(as_json: AsJson = False) -> None:
    """Print the version of smoothop, and of the Python it runs on."""
    facts = {
        "version": own_version(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "prefix": sys.prefix,
    }
    if as_json:
        show_json(facts)
    else:
        show(f"smoothop {facts['version']} (Python {facts['python']}, {facts['prefix']})")
