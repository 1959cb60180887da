"""Run by promises 7 and 8: many runs of `smoothop run`, and what becomes of each after its signals.

Reads plans as JSON, one per line, and prints each again with what came of it. Most runs are forked
from this process, which has imported all that `smoothop run` imports: that costs a quarter of a
start. So this process has one thread only, and waits for several runs at a time in one place.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import pty
import selectors
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from smoothop.cli.main import main

AT_ONCE = 6
LIFE = 99  # no number of a descriptor that belongs to an object: that would close it before the end
TOO_LONG = 20.0
IMPORTED = (
    "smoothop.cli.application",
    "smoothop.cli.commands.run",
    "smoothop.control.server.facts",
    "smoothop.control.server.server",
    "smoothop.engine.runners.loop.host",
    "smoothop.plugins.manager",
)


class Run:
    """One process, which has its end of a pipe open as long as it lives.

    It writes ``.`` there when it is about to call `main`, and its handler writes ``(`` when it is
    entered. The first signal comes that long after the one or, with ``after_entry``, the other.
    """

    def __init__(self, plan: dict, arguments: list[str]) -> None:
        self.plan = plan
        self.signs, self.text = b"", b""
        self.sent: list[float] = []
        self.next: float | None = None
        self.life, theirs = os.pipe()
        self.output, out = terminal() if plan["tty"] else os.pipe()
        start = self._fork if plan["forked"] else self._exec
        self._pid = start(arguments, theirs, out)
        os.close(theirs)
        os.close(out)

    def _fork(self, arguments: list[str], life: int, out: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        os.setsid()
        if self.plan["tty"]:
            fcntl.ioctl(out, termios.TIOCSCTTY, 0)
        for number in (0, 1, 2):
            os.dup2(out, number)
        os.dup2(life, LIFE)
        os.closerange(4, LIFE)  # 3 is the selector's, whose object is here as well
        os.closerange(LIFE + 1, 256)
        os.environ["ACME_LIFE"] = f"/proc/{os.getpid()}/fd/{LIFE}"
        os.write(LIFE, b".")
        sys.exit(main(arguments))

    def _exec(self, arguments: list[str], life: int, out: int) -> int:
        code = (
            f"import os; os.environ['ACME_LIFE'] = f'/proc/{{os.getpid()}}/fd/{life}'; "
            f"os.write({life}, b'.'); import smoothop.cli.main as m; exit(m.main())"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=out,
            pass_fds=[life],
            start_new_session=True,
        )
        process.returncode = 0  # it is waited for below
        return process.pid

    def has_said(self, some: bytes) -> None:
        """Note what came through the pipe of life."""
        self.signs += some
        first = b"(" if self.plan["after_entry"] else b"."
        if self.next is None and not self.sent and first in self.signs:
            self.next = time.monotonic() + self.plan["signals"][0][0]

    def act(self) -> None:
        """Send the next signal, if its time has come."""
        if self.next is None or time.monotonic() < self.next:
            return
        later = self.plan["signals"][len(self.sent) :]
        self._send(later[0][1] if later else "SIGKILL")  # this one has failed
        self.sent.append(time.monotonic())
        self.next += later[1][0] if later[1:] else TOO_LONG

    def _send(self, name: str) -> None:
        with suppress(OSError):  # it has ended, and its terminal with it
            if name == "^C":
                os.write(self.output, b"\x03")
            else:
                os.kill(self._pid, getattr(signal, name))

    def result(self) -> dict:
        """Return what came of it; the process has ended."""
        ended = time.monotonic()
        _, status = os.waitpid(self._pid, 0)
        os.set_blocking(self.output, False)
        with suppress(OSError):  # nothing more has come
            while some := os.read(self.output, 65_536):
                self.text += some
        os.close(self.life)
        os.close(self.output)
        return {
            **self.plan,
            "code": os.waitstatus_to_exitcode(status),
            "took": [ended - moment for moment in self.sent],
            "entered": b"(" in self.signs,
            "text": self.text.decode(errors="replace").replace("\r\n", "\n"),
        }


def terminal() -> tuple[int, int]:
    """Return both ends of a terminal on which ^C throws away no output that nobody has read yet."""
    ours, theirs = pty.openpty()
    settings = termios.tcgetattr(theirs)
    settings[3] |= termios.NOFLSH
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    return ours, theirs


def play(plans: list[dict], directory: Path) -> None:
    """Play the plans, some at a time, and print what came of each."""
    runs: set[Run] = set()
    selector = selectors.DefaultSelector()
    for number, plan in enumerate(plans):
        config = str(directory / "smoothop.toml")
        run = Run(plan, ["run", plan["shape"], "--config", config, "--name", f"n{number}"])
        runs.add(run)
        selector.register(run.life, selectors.EVENT_READ, run)
        selector.register(run.output, selectors.EVENT_READ, run)
        while len(runs) == AT_ONCE or (runs and number == len(plans) - 1):
            step(runs, selector)


def step(runs: set[Run], selector: selectors.BaseSelector) -> None:
    """Wait until something is to be done, and do it."""
    moments = [run.next for run in runs if run.next is not None]
    for key, _ in selector.select(max(0.0, min(moments) - time.monotonic()) if moments else None):
        run: Run = key.data
        if run not in runs:  # it has ended just now, and all of it was read
            continue
        try:
            some = os.read(key.fd, 65_536)
        except OSError:  # the other end of the terminal is closed
            some = b""
        if not some:
            selector.unregister(key.fd)
        if key.fd == run.output:
            run.text += some
        elif some:
            run.has_said(some)
        else:
            runs.remove(run)
            with suppress(KeyError):
                selector.unregister(run.output)
            print(json.dumps(run.result()), flush=True)  # or a fork would print it, too
    for run in runs:
        run.act()


if __name__ == "__main__":
    for name in IMPORTED:
        import_module(name)
    plans = [json.loads(line) for line in sys.stdin]
    gc.freeze()
    play(plans, Path(sys.argv[1]))
