"""What `import smoothop` costs a whole process, and what it imports.

    python -m bench.startup [--json FILE] [--rounds N]

Each command runs in a fresh interpreter, all of them in turn, round after round; the times are
those of the whole process, less those of an empty one. Ends with exit code 1 if the import loads
a module that an application which only embeds an `Operator` should not pay for.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from bench.report import machine

BASE: Final = "pass"
COMMANDS: Final = {
    BASE: "pass",
    "import smoothop": "import smoothop",
    "with Operator()": "import smoothop\nwith smoothop.Operator(): pass",
    "Registry": "from smoothop import Registry",
    "logging": "import logging",
    "dataclasses": "import dataclasses",
    "concurrent.futures": "import concurrent.futures",
    "asyncio": "import asyncio",
    "pykka": "import pykka",
}
UNWANTED: Final = (
    "asyncio",
    "importlib_metadata",
    "pluggy",
    "pydantic",
    "rich",
    "sqlite3",
    "starlette",
    "typer",
    "uvicorn",
)
LOADED: Final = """
import sys
before = set(sys.modules)
import smoothop
print(*sorted(set(sys.modules) - before))
"""
TOP: Final = 12


def process_times(code: str) -> tuple[float, float]:
    """Return what a new interpreter takes for `code`, from start to end: wall, processor; ms."""
    before, began = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system
    return wall * 1000, (used - before.children_user - before.children_system) * 1000


def available(code: str) -> bool:
    """Tell whether `code` runs here; once, which also leaves its bytecode on the disk."""
    told = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    return told.returncode == 0


def medians(rounds: int) -> dict[str, dict[str, float]]:
    """Return what each command takes, in milliseconds."""
    commands = {title: code for title, code in COMMANDS.items() if available(code)}
    taken: dict[str, list[tuple[float, float]]] = {title: [] for title in commands}
    for _ in range(rounds):
        for title, code in commands.items():
            taken[title].append(process_times(code))
    return {
        title: {
            "wall": round(statistics.median(wall for wall, _ in times), 2),
            "best": round(min(wall for wall, _ in times), 2),
            "processor": round(statistics.fmean(used for _, used in times), 2),
        }
        for title, times in taken.items()
    }


def loaded() -> list[str]:
    """Return the modules that `import smoothop` adds to those of an empty interpreter."""
    command = [sys.executable, "-c", LOADED]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def slowest() -> list[tuple[str, float]]:
    """Return the imports that take longest themselves, with their milliseconds."""
    command = [sys.executable, "-X", "importtime", "-c", "import smoothop"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    lines = (line.removeprefix("import time:").split("|") for line in told.splitlines()[1:])
    imports = [(name.strip(), int(own) / 1000) for own, _, name in lines]
    return sorted(imports, key=lambda entry: -entry[1])[:TOP]


def measured(rounds: int) -> dict[str, Any]:
    """Return everything as plain data."""
    modules = loaded()
    return {
        "machine": machine(),
        "rounds": rounds,
        "milliseconds": medians(rounds),
        "modules": modules,
        "unwanted": [name for name in UNWANTED if name in modules],
        "slowest": dict(slowest()),
    }


def print_table(found: dict[str, Any]) -> None:
    """Show it to people."""
    times = found["milliseconds"]
    print(f"whole process, ms, {found['rounds']} rounds; wall: median and best; processor: mean")
    print(f"{'':26}{'wall':>8}{'over':>8}{'best':>8}{'over':>8}{'proc':>8}{'over':>8}")
    for title, taken in times.items():
        cells = (f"{ms:8.1f}{ms - times[BASE][kind]:+8.1f}" for kind, ms in taken.items())
        print(f"  {title:24}{''.join(cells)}")
    own = [name for name in found["modules"] if name.partition(".")[0] == "smoothop"]
    print(f"\n`import smoothop` loads {len(found['modules'])} modules, {len(own)} of its own")
    print("slowest by themselves, ms (one run, traced):")
    for name, taken in found["slowest"].items():
        print(f"  {name:40}{taken:6.2f}")
    print(f"unwanted: {', '.join(found['unwanted']) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what `import smoothop` costs.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    asked = parser.parse_args()
    found = measured(asked.rounds)
    print_table(found)
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    sys.exit(1 if found["unwanted"] else 0)


if __name__ == "__main__":
    main()
