"""Documents as tests: write the files they show, run the commands they show, compare the output.

In a Markdown document a walk reads two kinds of block, in order:

- a ``{code-block}`` with a ``:caption:``: a file, written under that path;
- a ``console`` block: each ``$ command`` is run on a terminal, and what it prints must be the
  lines that follow. ``...`` stands for any text in a line and, alone in a line, for any lines; a
  time of day stands for any time. At a line ``^C`` the command gets SIGINT, once everything
  before it has been printed; the lines after it may come in any order, since several threads
  are telling then that they stop.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS_PER_COMMAND = 100
INTERRUPT = "^C\n"
ANYTHING = "...\n"
_TIME_OF_DAY = re.compile(r"\d\d:\d\d:\d\d")
_BLOCK = re.compile(
    r"^```(?:\{code-block\} \w+\n:caption: (?P<path>\S+)\n\n?(?P<text>.*?)"
    r"|console\n(?P<console>.*?))^```",
    re.DOTALL | re.MULTILINE,
)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class File:
    """A file the document shows."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command the document shows, and what it is said to print."""

    line: str
    output: str


def steps(markdown: str) -> Iterator[File | Command]:
    """Return the files and commands of a document, in order."""
    for block in _BLOCK.finditer(markdown):
        if block["path"]:
            yield File(block["path"], block["text"])
        else:
            for line, output in _COMMAND.findall(block["console"]):
                yield Command(line, output)


@dataclass(frozen=True)
class Walk:
    """Somebody at a shell prompt, with a virtual environment active.

    Attributes:
        directory: where they are.
        programs: the environment's directory of programs, first on their PATH.
    """

    directory: Path
    programs: Path

    def take(self, step: File | Command) -> None:
        """Do what the document says and compare.

        Raises:
            AssertionError: the command printed something else.
        """
        if isinstance(step, File):
            target = self.directory / step.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step.text)
        else:
            self._compare(step, self.run(step.line, until=_before_interrupt(step.output)))

    def run(self, line: str, until: re.Pattern[str] | None = None) -> str:
        """Run a command line and return all that it prints; SIGINT when `until` matches that."""
        screen, terminal = os.openpty()
        with open(screen, newline="", errors="replace") as printing:  # noqa: PTH123 - no path
            process = subprocess.Popen(
                ["bash", "-c", line],
                cwd=self.directory,
                env=self._variables(),
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,  # a process group, as a shell makes one for each command
            )
            os.close(terminal)
            with killed_after(SECONDS_PER_COMMAND, process), process:
                return _read(printing, until, lambda: os.killpg(process.pid, signal.SIGINT))

    def _compare(self, command: Command, printed: str) -> None:
        before, interrupt, after = command.output.partition(INTERRUPT)
        matches = (
            _match_interrupted(before, after, printed)
            if interrupt
            else pattern(before).fullmatch(printed)
        )
        assert matches, f"$ {command.line}\nshould print\n{command.output}\nbut printed\n{printed}"

    def _variables(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "SMOOTHOP_", "TOX_", "VIRTUAL_ENV", "COLUMNS"))
        }
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return kept | {"PATH": path, "COLUMNS": "80", "TERM": "dumb", "PYTHON_COLORS": "0"}


@contextmanager
def killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the process and its children if it takes that long."""
    timer = threading.Timer(seconds, os.killpg, [process.pid, signal.SIGKILL])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _read(printing: TextIO, until: re.Pattern[str] | None, interrupt: Callable[[], None]) -> str:
    printed = ""
    with suppress(OSError):  # how a terminal says that nobody is left who could print
        for line in printing:
            printed += line.replace("\r\n", "\n")
            if until is not None and until.fullmatch(printed):
                interrupt()
                until = None
    return printed


def pattern(output: str) -> re.Pattern[str]:
    """Return what a command must print for the `output` that a document shows."""
    return re.compile("".join(map(_line_pattern, output.splitlines(keepends=True))))


def _line_pattern(line: str) -> str:
    if line == ANYTHING:
        return r"(?:.*\n)*?"
    text = ".*".join(map(re.escape, line.split("...")))
    return _TIME_OF_DAY.sub(lambda _: _TIME_OF_DAY.pattern, text)


def _match_interrupted(before: str, after: str, printed: str) -> bool:
    """Tell whether `printed` is `before`, and then the lines of `after` in any order."""
    first = pattern(before).match(printed)
    if first is None:
        return False
    rest = printed[first.end() :].splitlines(keepends=True)
    expected = after.splitlines(keepends=True)
    for line in expected:
        found = next((other for other in rest if re.fullmatch(_line_pattern(line), other)), None)
        if found is not None:
            rest.remove(found)
        elif line != ANYTHING:
            return False
    return not rest or ANYTHING in expected


def _before_interrupt(output: str) -> re.Pattern[str] | None:
    before, interrupt, _ = output.partition(INTERRUPT)
    return pattern(before) if interrupt else None
