"""What the engine costs, beside a bare Python loop and pykka, all in one run.

    python bench/engine.py [--json FILE] [--quick] [--processor] [ROW ...]

Needs the dependency group `bench` (pykka); without it that column stays empty. The measurements
are taken in turn, round after round, so that a load which comes and goes meets all of them; the
ratios are therefore worth more than the times. On a machine that others load, `--processor` tells
more: it counts the time this process has used, not what it waited (except for the wake, which is
waiting). Figures and what they mean: docs/design.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from measuring import FULL, QUICK, Measure, Scale
from report import Results, Row, as_dict, as_table
from subjects import async_workers, bare, coroutines, workers

ROWS: Final = [
    Row("handle", "handle of a busy worker, nobody listens", "ns", 450),
    Row("handle, stream unread", "the same with a metric stream nobody reads", "ns", 1200),
    Row("handle, stream read", "the same with one that a thread reads", "ns"),
    Row("message", "message one way, mailbox of 1,024", "ns", 1700),
    Row("round trip", "round trip between two threads", "us"),
    Row("round trip, one core", "the same with both on one core", "us"),
    Row("wake", "wake of an idle worker, p50", "us"),
    Row("async handle", "async: handle of a busy worker", "ns"),
    Row("async message", "async: message one way, on one loop", "ns"),
    Row("async round trip", "async: round trip, on one loop", "us"),
]


def measures() -> dict[str, dict[str, Measure]]:
    """Return what can be measured here: subject -> row -> measurement."""
    found = {
        "bare": bare.ROWS | coroutines.ROWS,
        "smoothop": workers.ROWS | async_workers.ROWS,
    }
    if importlib.util.find_spec("pykka") is not None:
        from subjects import actors  # noqa: PLC0415 - pykka is optional

        found["pykka"] = actors.ROWS
    return found


def run(rows: list[Row], scale: Scale) -> Results:
    """Take every measurement of `rows`, `scale.rounds` times in turn."""
    results, subjects = Results(), measures()
    for _ in range(scale.rounds):
        for row in rows:
            for subject, found in subjects.items():
                if row.name in found:
                    results.add(row.name, subject, found[row.name](scale))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the engine, a bare loop and pykka.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only rows whose name has this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--processor", action="store_true", help="processor time, not wall clock")
    asked = parser.parse_args()
    rows = [row for row in ROWS if not asked.rows or any(part in row.name for part in asked.rows)]
    if not rows:
        parser.error(f"no such row; there are: {', '.join(row.name for row in ROWS)}")
    scale = QUICK if asked.quick else FULL
    if asked.processor:
        scale = replace(scale, clock=time.process_time)
    results = run(rows, scale)
    print(as_table(rows, results, scale))
    if asked.json is not None:
        asked.json.write_text(json.dumps(as_dict(rows, results, scale), indent=2) + "\n")


if __name__ == "__main__":
    main()
