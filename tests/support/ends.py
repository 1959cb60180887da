"""Runs of `smoothop run` with handlers of every shape; see tests/promises/rounds_of_ends.py."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING, Any, Self

from support.environments import Environment
from support.wheels import build_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

PROMISES = Path(__file__).parents[1] / "promises"
SHAPES: dict[str, str] = {
    shape.__name__: leaves
    for shape, leaves in run_path(str(PROMISES / "rounds_of_stops.py"))["SHAPES"].items()
}
"""Shape of a handler -> whether it leaves when it is asked to: "out at once", "late", "never"."""

_HANDLERS = '''
"""A handler of each shape; it tells through a pipe that it was entered."""
import os, threading
from rounds_of_stops import SHAPES, handler_of

class Heart:
    release = threading.Event()
    def beat(self, mark):
        # By its path, because a child process of the operator does not inherit the descriptor.
        with open(os.environ["ACME_LIFE"], "wb", buffering=0) as life:
            life.write(mark)

for shape in SHAPES:
    globals()[shape.__name__] = handler_of(shape, Heart())
'''
_ODD = {
    "hangs": """
import os, threading
with open(os.environ["ACME_LIFE"], "wb", buffering=0) as life:
    life.write(b"(")
threading.Event().wait()
""",
    "greedy": """
import os, re
from smoothop import done

def greedy(ctx):
    with open(os.environ["ACME_LIFE"], "wb", buffering=0) as life:
        life.write(b"(")
    ctx.wait()
    re.match(r"(a+)+$", "a" * 60 + "b")  # for ever, and all the while the GIL is held
    return done()
""",
    "finalizer": """
import time
from acme_shapes import leaves as finalizer

class Kept:
    def __del__(self):
        time.sleep(3600)

KEPT = Kept()
""",
    "exit_hook": """
import atexit, time
from acme_shapes import leaves as exit_hook

atexit.register(time.sleep, 3600)
""",
}


IN_CHILD: tuple[str, ...] = tuple(
    shape for shape in (*SHAPES, "greedy") if not shape.startswith("async")
)
"""Those that there are in child processes as well, with ``-in-child`` behind the name."""


@dataclass(frozen=True)
class Plan:
    """One run and the signals it gets.

    Attributes:
        shape: of `SHAPES`; or "hangs", whose import never ends; "greedy", which keeps the GIL for
            ever when it is asked to stop; "finalizer" and "exit_hook", which leave something that
            hangs behind.
        signals: for each its pause in seconds and its name, or ``^C`` to press that.
        after_entry: the first pause begins when the handler is entered; otherwise when Python
            has started and is about to import smoothop.
        forked: from a process in which everything is imported.
        tty: on a terminal.
    """

    shape: str
    signals: tuple[tuple[float, str], ...]
    after_entry: bool = True
    forked: bool = True
    tty: bool = False


@dataclass(frozen=True)
class Ending:
    """What came of a plan.

    Attributes:
        plan: the plan.
        code: the exit code; negative: the number of the signal that killed it.
        took: for each signal that it lived to get, the seconds from there to its end.
        entered: whether the handler was entered.
        text: what it wrote to stderr.
    """

    plan: Plan
    code: int
    took: tuple[float, ...]
    entered: bool
    text: str


@dataclass(frozen=True)
class Runs:
    """An environment with the handlers in it.

    Attributes:
        environment: that environment.
        config: the configuration file with a worker of each shape.
    """

    environment: Environment
    config: Path

    @classmethod
    def create(cls, root: Path, grace: float) -> Self:
        """Make the environment; runs in it have that grace time."""
        targets = {shape: f"acme_shapes:{shape}" for shape in SHAPES}
        targets |= {shape: f"acme_{shape}:{shape}" for shape in _ODD}
        files = {
            "acme_shapes.py": _HANDLERS,
            "rounds_of_stops.py": (PROMISES / "rounds_of_stops.py").read_text(),
            **{f"acme_{shape}.py": text for shape, text in _ODD.items()},
        }
        environment = Environment.create(root / "env")
        environment.install(
            build_wheel(
                root, "acme-shapes", files=files, entry_points={"smoothoperator.handlers": targets}
            )
        )
        tables = [f"[workers.{shape}]\nstop_grace = {grace / 4}" for shape in targets]
        tables += [
            f"[workers.{shape}-in-child]\nhandler = {shape!r}\nrun_in = 'process'\n"
            f"stop_grace = {grace / 4}"
            for shape in IN_CHILD
        ]
        config = root / "smoothop.toml"
        config.write_text("\n".join([f"[operator]\ngrace = {grace}", *tables]))
        return cls(environment, config)

    def play(self, plans: Iterable[Plan], timeout: float) -> list[Ending]:
        """Play the plans, several at a time."""
        given = [json.dumps(asdict(plan)) for plan in plans]
        script = str(PROMISES / "rounds_of_ends.py")
        ended = subprocess.run(
            [self.environment.python, "-W", "error", script, str(self.config.parent)],
            input="\n".join(given),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        endings = [_ending(json.loads(line)) for line in ended.stdout.splitlines()]
        assert len(endings) == len(given)
        return endings


def _ending(found: dict[str, Any]) -> Ending:
    names = ("shape", "signals", "after_entry", "forked", "tty")
    return Ending(Plan(**{name: found.pop(name) for name in names}), **found)
