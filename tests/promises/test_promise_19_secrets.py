"""Promise 19: payloads and secrets do not reach logs, metrics or `inspect` unless asked for.

A word that stands nowhere else is put into a message, a setting, the environment, the attributes
of exceptions and the token; then everything that a running operator says is searched for it.
"""

import http.client
import json
import signal
import threading
from contextlib import contextmanager

import pytest
from support.environments import Environment
from support.terminals import Child
from support.wheels import build_wheel

from smoothop import HandlerFailedError, HandlerPanickedError
from smoothop.control import Client
from smoothop.control.server.table import ENTRIES

CANARY = "kanarienvogel"
IN_TOKEN = f"{CANARY}_in_the_token_{'x' * 30}"
IN_ENVIRONMENT = f"{CANARY}_in_the_environment"
IN_SETTINGS = f"{CANARY}_in_a_setting"
IN_MESSAGE = f"{CANARY}_in_a_message"

HANDLER = """
from dataclasses import dataclass
from pydantic import SecretStr
from smoothop import Config, done, fail

class Refusal(Exception):
    def __init__(self, message):
        self.message = message
    def __str__(self):
        return "refused"

class Vault:
    config = Config(message_only=True, panic_backoff=0.001)
    @dataclass
    class Settings:
        password: SecretStr
    def __init__(self, settings):
        self.password = settings.password
    def handle(self, ctx):
        secret = ctx.message["secret"]
        ctx.logger.info("asked to %s", ctx.message["do"])
        if ctx.message["do"] == "fail":
            return fail(Refusal(secret))
        if ctx.message["do"] == "panic":
            raise Refusal(secret)
        return done({"len": len(secret)})
"""
COMMANDS = (
    ("ps", "--json"),
    ("inspect", "vault", "--json"),
    ("inspect", "vault"),
    ("stacks",),
    ("config", "--json", "--show-origin"),
    ("list", "--check", "--json"),
    ("plugins", "--json"),
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    root = tmp_path_factory.mktemp("vault")
    environment = Environment.create(root / "env")
    entry_points = {"smoothoperator.handlers": {"vault": "acme_vault:Vault"}}
    files = {"acme_vault.py": HANDLER}
    environment.install(build_wheel(root, "acme-vault", files=files, entry_points=entry_points))
    settings = f'[workers.vault.settings]\npassword = "{IN_SETTINGS}"\n'
    (environment.path / "smoothop.toml").write_text(settings)
    (environment.path / "token").write_text(IN_TOKEN)
    (environment.path / "token").chmod(0o600)
    return environment


@contextmanager
def service(environment, run_directory, *flags):
    """Run the operator; give what it says on stderr, and where it listens."""
    command = [
        *(str(environment.python), "-m", "smoothop", "run", "--all", "--log-level", "debug"),
        *("--http", "127.0.0.1:0", "--token-file", "token", *flags),
    ]
    variables = {"XDG_RUNTIME_DIR": str(run_directory), "SECRET": IN_ENVIRONMENT, "HOME": "/"}
    with Child.on_pipe(command, cwd=environment.path, variables=variables) as child:
        child.read_until("starting worker")
        url = child.text.partition("control listens on ")[2].split()[0]
        yield child, url
        child.send(signal.SIGTERM)
        assert child.wait() == 0


def said(environment, run_directory, url, commands=()):
    """Use the operator, with secrets; return all that it has said to clients meanwhile."""
    client = Client()
    events, collected = client.events(), []
    following = threading.Thread(target=lambda: collected.extend(map(repr, events)))
    following.start()
    assert client.send("vault", order("done"), wait=True) == {"len": len(IN_MESSAGE)}
    with pytest.raises(HandlerFailedError):
        client.send("vault", order("fail"), wait=True)
    with pytest.raises(HandlerPanickedError):
        client.send("vault", order("panic"), wait=True)
    client.pause("vault")
    client.send("vault", order("done"))  # it waits in the mailbox
    outputs = {f"GET {entry.path}": got(url, entry.path) for entry in ENTRIES if is_shown(entry)}
    for command in commands:
        ended = environment.execute(
            *("-m", "smoothop", *command), variables={"XDG_RUNTIME_DIR": str(run_directory)}
        )
        outputs[" ".join(command)] = ended.stdout + ended.stderr
    client.resume("vault")
    return outputs, following, collected


def order(what):
    return {"do": what, "secret": IN_MESSAGE}


def is_shown(entry):
    return entry.method == "GET" and entry.path != "/events"


def got(url, path):
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    path = path.replace("{name}", "vault")
    connection.request("GET", path, headers={"Authorization": f"Bearer {IN_TOKEN}"})
    response = connection.getresponse()
    assert response.status == 200, path
    text = str(response.headers) + response.read().decode()
    connection.close()
    return text


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_is_in_anything_that_is_said(environment, run_directory, log_format):
    with service(environment, run_directory, "--log-format", log_format) as (child, url):
        commands = COMMANDS if log_format == "text" else COMMANDS[:1]
        outputs, following, events = said(environment, run_directory, url, commands)
    following.join(30)
    outputs |= {"stderr": child.text, "events": "".join(events)}
    assert "asked to panic" in child.text
    assert "send vault, asked by" in child.text
    assert "PanicEvent" in outputs["events"]
    assert "refused" in outputs["ps --json"]
    for name, text in outputs.items():
        assert text
        assert CANARY not in text, name


def test_messages_are_in_the_audit_log_if_they_are_asked_for_and_nowhere_else(
    environment, run_directory
):
    flags = ("--show-payloads", "--log-format", "json")
    with service(environment, run_directory, *flags) as (child, url):
        outputs, following, _ = said(environment, run_directory, url)
    following.join(30)
    found = [json.loads(line) for line in child.text.splitlines() if CANARY in line]
    assert len(found) == 4
    assert {one["logger"] for one in found} == {"smoothop.control"}
    assert all(IN_MESSAGE in json.dumps(one) for one in found)
    assert not [name for name, text in outputs.items() if CANARY in text]
