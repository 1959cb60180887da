"""`check_plugin`, on real wheels in a real environment: each fault is found, named, and alone."""

from __future__ import annotations

import json

import pytest
from support.environments import Environment
from support.wheels import build_wheel

GOOD = '''
from dataclasses import dataclass
from smoothop import done, hookimpl, none

@dataclass
class Settings:
    """Settings.

    Attributes:
        greeting: what to say.
    """
    greeting: str = "Hello"

class Good:
    Settings = Settings

    def __init__(self, settings):
        self.settings = settings

    def handle(self, ctx):
        return none(60) if ctx.message is None else done(ctx.message)

class GoodAsync:
    async def setup(self, ctx):
        self.open = True

    async def handle(self, ctx):
        await ctx.wait(60)
        return none(60)

    async def teardown(self, ctx):
        self.open = False

@hookimpl
def smoothop_panic(worker, event):
    pass
'''

RUDE = """
import asyncio, locale, logging, os, random, signal, socket, sys, threading, time, warnings
from smoothop import none
os.environ["ACME"] = "1"
sys.path.append("/acme")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
logging.basicConfig(level=logging.DEBUG)
logging.disable(logging.INFO)
asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
sys.excepthook = print
locale.setlocale(locale.LC_ALL, "C.UTF-8")
warnings.simplefilter("ignore")
socket.setdefaulttimeout(3)
sys.setrecursionlimit(5000)
time.sleep = lambda seconds: None
random.Random.random = lambda self: 4
open("acme.lock", "w").close()
os.mkdir("sub")
os.chdir("sub")
threading.Thread(target=threading.Event().wait, name="acme", daemon=True).start()
print("hello from acme")
def handle(ctx):
    return none(60)
"""

BAD = """
import os, threading, time
from dataclasses import dataclass
from smoothop import Config, none, done

class Wrong:
    def handle(self, ctx):
        return "finished"

class Stubborn:
    config = Config(stop_grace=0.1)
    def handle(self, ctx):
        threading.Event().wait()

class OnceOnly:
    path = "acme-once"
    def setup(self, ctx):
        os.mkdir(self.path)
    def handle(self, ctx):
        return none(60)

class OneLife:
    def __init__(self):
        self.socket = [1]
    def setup(self, ctx):
        self.socket[0]
    def handle(self, ctx):
        return none(60)
    def teardown(self, ctx):
        self.socket.clear()

class Leaky:
    def setup(self, ctx):
        self.file = open("acme-left", "w")
        threading.Thread(target=threading.Event().wait, name="acme-left", daemon=True).start()
    def handle(self, ctx):
        return none(60)

class Careless:
    def handle(self, ctx):
        if ctx.message == "please":
            raise OSError("no disk")
        return none(60)
    def teardown(self, ctx):
        self.nothing.close()

@dataclass
class Needy:
    path: str

class NeedsSettings:
    Settings = Needy
    def __init__(self, settings): ...
    def handle(self, ctx):
        return none(60)

def leaves(ctx):
    os._exit(3)
"""

HOOKS = """
from smoothop import hookimpl
@hookimpl
def smoothop_panic(worker, event, wrong): ...
"""

CODE = """
import json, logging, sys
from dataclasses import asdict
from smoothop.testing import check_plugin
report = check_plugin(**json.loads(sys.argv[1]))
print(json.dumps([[str(report)], [asdict(one) for one in report.findings]]))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    root = tmp_path_factory.mktemp("check")
    made = Environment.create(root / "env")
    bad = ("Wrong", "Stubborn", "OnceOnly", "OneLife", "Leaky", "Careless", "NeedsSettings")
    handlers = {name: f"acme_bad:{name}" for name in (*bad, "leaves")}
    handlers |= {"missing": "acme_bad:Missing", "slow": "acme_slow:handle"}
    good = {"good": "acme_good:Good", "good-async": "acme_good:GoodAsync"}
    made.install(
        build_wheel(
            root,
            "acme-good",
            files={"acme_good.py": GOOD},
            entry_points={
                "smoothoperator.handlers": good,
                "smoothoperator.plugins": {"hooks": "acme_good"},
            },
        ),
        build_wheel(
            root,
            "acme-rude",
            files={"acme_rude.py": RUDE},
            entry_points={"smoothoperator.handlers": {"rude": "acme_rude:handle"}},
        ),
        build_wheel(
            root,
            "acme-bad",
            files={
                "acme_bad.py": BAD,
                "acme_hooks.py": HOOKS,
                "acme_slow.py": "import time\ntime.sleep(0.25)\nfrom acme_good import Good\n"
                "def handle(ctx): return Good(None).handle(ctx)\n",
            },
            entry_points={
                "smoothoperator.handlers": handlers,
                "smoothoperator.plugins": {"hooks": "acme_hooks"},
            },
        ),
        build_wheel(
            root,
            "acme-hang",
            files={"acme_hang.py": "import threading\nthreading.Event().wait()\n"},
            entry_points={"smoothoperator.handlers": {"hang": "acme_hang:handle", "b@d": "x:y"}},
        ),
    )
    return made


def check(environment, distribution, **options):

    given = json.dumps({"distribution": distribution, **options})
    return environment.run_json(CODE, given, timeout=110)


@pytest.mark.alone  # it measures how long the import takes
def test_a_good_package_is_good(environment):
    (text,), findings = check(environment, "Acme_Good")
    assert findings == []
    assert text.splitlines() == [
        "ok: handler 'good' of acme-good 1.0",
        "ok: handler 'good-async' of acme-good 1.0",
        "ok: plugin 'hooks' of acme-good 1.0",
    ]


@pytest.fixture(scope="module")
def rude(environment):
    return check(environment, "acme-rude")[1]


@pytest.mark.parametrize(
    "effect",
    [
        "changes the working directory: ",
        "changes environment variables: ACME",
        "changes sys.path: '/acme'",
        "changes signal handlers: SIGTERM",
        "changes the root logger: 10, <StreamHandler",
        "changes logging as a whole",
        "changes the event loop policy",
        "changes the hooks for uncaught exceptions",
        "changes the locale",
        "changes warning filters",
        "changes the default timeout of sockets: None -> 3.0",
        "changes the recursion limit: 1000 -> 5000",
        "starts a thread, 'acme'",
        "replaces time.sleep",
        "replaces random.Random.random",
        "writes a file into the working directory, 'acme.lock'",
        "prints to standard output: hello from acme",
    ],
)
def test_what_an_import_does_to_the_process_is_found(rude, effect):
    (found,) = [one for one in rude if effect in one["what"]]
    assert found["severity"] == "error"
    assert found["plugin"] == "handler 'rude' of acme-rude 1.0"
    assert found["why"]
    assert found["advice"]


@pytest.fixture(scope="module")
def bad(environment):
    return check(environment, "acme-bad", messages={"Careless": ["please"]})


@pytest.mark.parametrize(
    ("name", "severity", "what"),
    [
        ("Wrong", "error", "handle returned 'finished'"),
        ("Stubborn", "error", "it does not stop within 0.1 s"),
        ("OnceOnly", "error", "setup raised when it was tried again: FileExistsError"),
        ("OneLife", "error", "setup raised at the second start: IndexError"),
        ("Leaky", "error", "after its stop there is still thread 'acme-left'"),
        ("Leaky", "error", "after its stop there is still open file"),
        ("Careless", "error", "teardown raised: AttributeError"),
        ("Careless", "remark", "handle raised: OSError: no disk"),
        ("NeedsSettings", "remark", "its settings need values: path: required"),
        ("NeedsSettings", "remark", "nothing says what these settings mean: path of Needy"),
        ("leaves", "error", "it ended the process at its run, with exit code 3"),
        ("missing", "error", "it cannot be used: AttributeError"),
        ("slow", "remark", "its import takes "),
        ("hooks", "error", "it cannot be used: "),
    ],
)
def test_how_it_behaves_is_found(bad, name, severity, what):
    found = [one for one in bad[1] if f" '{name}' " in one["plugin"] and what in one["what"]]
    assert [one["severity"] for one in found][:1] == [severity]


def test_nothing_else_is_found_and_errors_come_first(bad):
    findings = bad[1]
    of = [one["plugin"].split("'")[1] for one in findings]
    assert set(of) == {
        *("Wrong", "Stubborn", "OnceOnly", "OneLife", "Leaky", "Careless", "NeedsSettings"),
        *("leaves", "missing", "slow", "hooks"),
    }
    severities = [one["severity"] for one in findings]
    assert severities == sorted(severities)
    assert bad[0][0].startswith("broken: handler 'Careless' of acme-bad 1.0\n")
    assert "\nok: handler 'slow' of acme-bad 1.0\n" in bad[0][0]


def test_an_import_that_hangs_and_a_malformed_entry_point_are_told(environment):
    _, findings = check(environment, "acme-hang", timeout=2)
    assert [one["what"][:40] for one in findings] == [
        "its entry point is malformed: the name i",
        "it ended neither its import nor the proc",
    ]


def test_what_is_not_installed_is_an_error(environment):
    (_,), findings = check(environment, "acme-nowhere")
    assert "publishes nothing for smoothop, or is not installed in" in findings[0]["what"]


def test_every_finding_is_logged_so_that_a_failing_test_shows_it(environment):
    ended = environment.run(
        "from smoothop.testing import check_plugin\ncheck_plugin('acme-nowhere')"
    )
    assert "error: acme-nowhere: it publishes nothing for smoothop" in ended.stderr
