"""The command line of the bench; see `bench`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from bench import environment
from bench.report import Results, as_dict, as_table
from bench.rows import ROWS, Row
from bench.running import SCALES, SUBJECTS, Task, take, take_apart, tasks


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="only rows whose title has this")
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="only this column")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument(
        "--page", type=Path, metavar="FOLDER", help="write what docs/bench.md shows there"
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, help="how many rounds")
    parser.add_argument("--here", action="store_true", help="in the interpreter that runs this")
    parser.add_argument("--take", nargs=2, metavar=("COLUMN", "MEASURE"), help=argparse.SUPPRESS)
    parser.add_argument("--scale", choices=SCALES, default="full", help=argparse.SUPPRESS)
    parser.add_argument("--one-core", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    asked = _arguments()
    if asked.take:
        print(json.dumps(dict(take(Task(*asked.take, asked.one_core), SCALES[asked.scale]))))
        sys.stdout.flush()
        os._exit(0)  # threads of the peers may go on for ever
    if not asked.here and not environment.is_inside():
        environment.enter(sys.argv[1:])
    rows = [row for row in ROWS if _is_asked(row, asked.rows)]
    if not rows:
        sys.exit("no such row; there are:\n" + "\n".join(row.title for row in ROWS))
    name = "quick" if asked.quick else "full"
    scale = replace(SCALES[name], rounds=asked.rounds or SCALES[name].rounds)
    results = _measured(rows, asked.only or list(SUBJECTS), name, scale.rounds)
    print(as_table(rows, results, scale.rounds))
    if asked.json is not None:
        _write_json(asked.json, rows, results, scale.rounds)
    if asked.page is not None:
        _write_page(asked.page, rows, results, scale.rounds)


def _write_json(file: Path, rows: list[Row], results: Results, rounds: int) -> None:
    file.write_text(json.dumps(as_dict(rows, results, rounds), indent=1) + "\n")


def _write_page(folder: Path, rows: list[Row], results: Results, rounds: int) -> None:
    from bench.plot import draw  # noqa: PLC0415 - matplotlib is needed only here

    folder.mkdir(exist_ok=True)
    _write_json(folder / "figures.json", rows, results, rounds)
    (folder / "figures.md").write_text(as_table(rows, results, rounds) + "\n")
    draw(rows, results, folder / "figures.svg")


def _is_asked(row: Row, parts: list[str]) -> bool:
    return not parts or any(part in row.title for part in parts)


def _measured(rows: list[Row], subjects: list[str], scale: str, rounds: int) -> Results:
    results, todo = Results(), list(tasks(rows, subjects))
    for number in range(rounds):
        for task in todo:
            print(
                f"\rround {number + 1}: {task.subject}, {task.measure}".ljust(60),
                end="",
                file=sys.stderr,
            )
            figures = take_apart(task, scale)
            if figures is not None:
                results.add(task, figures)
    print(file=sys.stderr)
    return results


if __name__ == "__main__":
    main()
