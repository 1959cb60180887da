"""Two real environments: one with handlers of every kind, one with none."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.environments import Environment
from support.terminals import Child
from support.wheels import build_wheel

WORKERS = '''
import logging, os, signal, threading, warnings
from dataclasses import dataclass
from pydantic import SecretStr
from smoothop import Config, done, none

class Ticker:
    """Waits for nothing.

    And does nothing.
    """
    def handle(self, ctx):
        return none(3600)

class Talker:
    """Says what it was given."""
    config = Config(panic_backoff=7, critical=True)
    @dataclass
    class Settings:
        text: str
        password: SecretStr = SecretStr("hunter2")
        times: int = 1
    def __init__(self, settings):
        self.settings = settings
    async def handle(self, ctx):
        ctx.logger.info("said %s", self.settings.text)
        return none(3600)

class Stubborn:
    """Does not hear."""
    def handle(self, ctx):
        logging.getLogger("acme.library").warning("taking the lock twice")
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
        return done()

class Crasher:
    """Crashes."""
    def handle(self, ctx):
        raise ValueError("\\x1b[31mred\\x07")

class Courier:
    """Only for messages, but gets none handled."""
    def __init__(self):
        self.sent = False
    def handle(self, ctx):
        if not self.sent:
            self.sent = True
            for number in range(3):
                ctx.dispatch("stubborn", number)
            logging.getLogger("acme").info("sent three")
        return none(3600)

class Stray:
    """Leaves a thread behind that keeps the interpreter from ending."""
    def setup(self, ctx):
        threading.Thread(target=threading.Event().wait, daemon=False).start()
        ctx.logger.info("left a thread")
    def handle(self, ctx):
        return none(3600)

class Parent:
    """Forks a child that sends SIGTERM to itself."""
    def handle(self, ctx):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads
            child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ctx.logger.info("the child ended with %d", os.waitstatus_to_exitcode(status))
        return none(3600)

class Beacon:
    """Says through a FIFO that it was made."""
    def __init__(self):
        if "BEACON" in os.environ:
            with open(os.environ["BEACON"], "w") as fifo:
                fifo.write("made")
    def handle(self, ctx):
        return none(3600)

class Chatterbox:
    """Logs more than there is room for, and then says through a FIFO that it has."""
    def handle(self, ctx):
        for number in range(1_000):
            ctx.logger.info("%d%s", number, "." * 10_000)
        with open(os.environ["BEACON"], "w") as fifo:
            fifo.write("logged")
        return none(3600)

def plain(ctx):
    return none(3600)
'''
HANG = "import sys, threading\nsys.stderr.write('importing\\n')\nthreading.Event().wait()\n"
SIGNALLER = """
import os, signal
from smoothop import none
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def handle(ctx):
    return none(3600)
"""
EARLY = """
import os, signal
from smoothop import none
os.kill(os.getpid(), signal.SIGTERM)
def handle(ctx):
    return none(3600)
"""
KEEPER = """
def handle(ctx):
    sum(range(10 ** 15))  # for days, and without a step of the interpreter
"""
CHATTY = "print('this is not data')\nfrom acme_workers import Ticker\n"


@dataclass(frozen=True)
class Installation:
    """An environment and how to run smoothop in it."""

    environment: Environment

    def smoothop(self, *arguments, cwd, variables=None):
        """Run a command to its end."""
        return self.environment.execute(
            "-c",
            f"import os; os.chdir({str(cwd)!r}); from smoothop.cli.main import main; "
            "raise SystemExit(main())",
            *arguments,
            variables=variables,
            check=False,
        )

    def on_terminal(self, *arguments, cwd, **variables):
        """Start a command on a terminal."""
        return Child.on_terminal(
            self._command(arguments), cwd=cwd, variables=self._variables(variables)
        )

    def on_pipe(self, *arguments, cwd, is_full=False, **variables):
        """Start a command with stderr on a pipe."""
        return Child.on_pipe(
            self._command(arguments),
            cwd=cwd,
            variables=self._variables(variables),
            is_full=is_full,
        )

    def _command(self, arguments):
        return [str(self.environment.python), "-W", "error", "-m", "smoothop", *arguments]

    @staticmethod
    def _variables(more):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "SMOOTHOP_")) and name not in ("NO_COLOR", "TERM")
        }
        return {**kept, "TERM": "xterm", **more}


@pytest.fixture(scope="session")
def acme(tmp_path_factory):
    """Handlers that work, and one distribution that is broken."""
    root = tmp_path_factory.mktemp("acme")
    environment = Environment.create(root / "env")
    names = (
        *("Ticker", "Talker", "Stubborn", "Crasher", "Courier", "Beacon", "Chatterbox", "Stray"),
        *("Parent", "plain"),
    )
    handlers = {name.lower(): f"acme_workers:{name}" for name in names}
    good = build_wheel(
        root,
        "acme-workers",
        "1.2",
        files={"acme_workers.py": WORKERS},
        entry_points={"smoothoperator.handlers": handlers},
    )
    bad = build_wheel(
        root,
        "acme-broken",
        "0.1",
        files={"acme_broken.py": "import a_module_that_is_nowhere\n"},
        entry_points={"smoothoperator.handlers": {"broken": "acme_broken:Broken"}},
    )
    environment.install(good, bad)
    return Installation(environment)


@pytest.fixture(scope="session")
def odd(tmp_path_factory):
    """Handlers whose import does odd things to the process."""
    root = tmp_path_factory.mktemp("odd")
    environment = Environment.create(root / "env")
    files = {
        "odd_hang.py": HANG,
        "odd_signaller.py": SIGNALLER,
        "odd_early.py": EARLY,
        "odd_chatty.py": CHATTY,
        "odd_keeper.py": KEEPER,
        "acme_workers.py": WORKERS,
    }
    handlers = {
        "hang": "odd_hang:handle",
        "signaller": "odd_signaller:handle",
        "early": "odd_early:handle",
        "chatty": "odd_chatty:Ticker",
        "keeper": "odd_keeper:handle",
    }
    wheel = build_wheel(
        root, "odd", "1", files=files, entry_points={"smoothoperator.handlers": handlers}
    )
    environment.install(wheel)
    return Installation(environment)


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """Smoothop with nothing installed beside it."""
    return Installation(Environment.create(tmp_path_factory.mktemp("bare") / "env"))


@pytest.fixture
def write(tmp_path):
    """Write ``smoothop.toml`` in the test's directory."""

    def write(text, name="smoothop.toml"):
        path = Path(tmp_path / name)
        path.write_text(text)
        return path

    return write
