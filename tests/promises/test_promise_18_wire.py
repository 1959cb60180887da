"""Promise 18: arbitrary bytes never crash, hang or grow the operator, nor reach its interpreter.

The operator is a process of its own, with an audit hook that sees every import, file, process,
code object and unpickling of the control thread.
"""

from __future__ import annotations

import ast
import json
import random
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

import smoothop.control
from smoothop.control import Client
from smoothop.control.server.table import ENTRIES

SCRIPT = Path(__file__).parent / "server_under_fire.py"
ANSWER = 0.1
"""Seconds in which a valid client has its answer."""
IN_A_ROW = 5
BATCH = 100

pytestmark = pytest.mark.alone


@dataclass
class Target:
    """The process that is shot at."""

    process: subprocess.Popen
    path: str
    client: Client

    def resident(self):
        """Bytes of memory it holds."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def descriptors(self):
        """How many descriptors it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def connect(self):
        """Open a connection to it."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.path)
        connection.settimeout(10)
        return connection

    def post(self, path, body):
        """Send a whole request; return the answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        with self.connect() as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            return _received(connection)

    def shoot(self, data):
        """Send bytes and nothing more; return what comes back."""
        with self.connect() as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                return _received(connection)
            except (BrokenPipeError, ConnectionResetError):
                return b""

    def is_prompt(self):
        """Tell whether a valid client has its answer in time; once may be the machine's fault."""
        for _ in range(IN_A_ROW):
            began = time.monotonic()
            assert self.client.worker("idler").snapshot.name == "idler"
            if time.monotonic() - began < ANSWER:
                return True
        return False

    def seen(self):
        """End it; return what its audit hook has seen."""
        told, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return json.loads(told)["seen"]


def _received(connection):
    found = b""
    while part := connection.recv(65_536):
        found += part
    return found


def _taken(connection, part, *, times):
    """Send a part again and again; return how often until the other side closed."""
    for number in range(times):
        try:
            connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            return number
    return times


@pytest.fixture
def target(run_directory):
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert "url" in json.loads(process.stdout.readline())
        yield Target(process, str(run_directory / "smoothop" / "target.sock"), Client("target"))
        process.kill()


WORDS = (
    *(entry.path.replace("{name}", name) for entry in ENTRIES for name in ("echo", "nobody")),
    *("GET", "POST", "PUT", "HEAD", "DELETE", "PRI * HTTP/2.0", "HTTP/1.1", "HTTP/9.9", "\r\n"),
    *(
        "Host: localhost",
        "Host: a\r\nHost: b",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
    ),
    *("Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "5\r\n"),
    *("Upgrade: websocket\r\nConnection: Upgrade", "Connection: close", "Origin: null"),
    *('{"message": {"__class__": 1}, "wait": true}', '{"message": NaN}', '{"concurrency": 1e999}'),
    *('{"message": 1, "message": 2}', "[" * 500, '{"a":' * 500, "\ud800", "\x00", "cos\nsystem\n"),
    *("?wait=true&timeout=0", "?wait=maybe", "?timeout=-1", "?timeout=nan", "?kind=nope", "%00%ff"),
    *("../../etc/passwd", "__import__('os')", "{0.__class__}", "echo'); DROP", "🦊", "A" * 20_000),
)


def shot(chance):
    """Return bytes: noise, or a request that something is wrong with."""
    kind = chance.random()
    if kind < 0.2:
        return chance.randbytes(chance.randrange(400))
    if kind < 0.4:
        words = chance.choices(WORDS, k=chance.randrange(1, 12))
        return chance.choice((" ", "\r\n")).join(words).encode("utf-8", "surrogatepass")
    method, path = chance.choice(("GET", "POST", "PUT", "HEAD")), chance.choice(WORDS[:20])
    if path == "/events" and method == "GET":
        path += "?kind=stuck"
    body = chance.choice(WORDS).encode("utf-8", "surrogatepass")
    query = chance.choice(("", *(word for word in WORDS if word[0] == "?")))
    head = (
        f"{method} {path}{query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    data = bytearray(head.encode() + body)
    for _ in range(chance.choice((0, 1, 1, 3))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(1, len(data) + 1)] if kind > 0.9 else data)


def test_arbitrary_bytes_neither_stop_nor_slow_nor_grow_the_operator(target, sized):
    chance = random.Random(18)
    warm = [target.shoot(shot(chance)) for _ in range(500)]
    resident, descriptors = target.resident(), target.descriptors()
    statuses = {answer[9:12] for answer in warm}
    for _ in range(sized(ci=10_000, soak=1_000_000) // BATCH):
        for _ in range(BATCH):
            statuses.add(target.shoot(shot(chance))[9:12])
        assert target.is_prompt()
    assert b"500" not in statuses
    assert {b"200", b"400", b"404", b"405"} <= statuses
    assert target.resident() - resident < 8 * 1024 * 1024
    assert target.descriptors() <= descriptors + 1
    assert target.seen() == []


def test_a_thousand_silent_connections_keep_nobody_out(target):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    before = target.descriptors()
    try:
        with ExitStack() as stack:
            for number in range(1_000):
                connection = stack.enter_context(target.connect())
                if number % 2:
                    connection.sendall(b"GET /workers HTTP/1.1\r\nHo")
            assert target.is_prompt()
            assert target.descriptors() - before <= 101
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert target.seen() == []


def test_a_hundred_megabytes_are_refused_before_they_are_held(target):
    resident, part = target.resident(), b"x" * 1024 * 1024
    with target.connect() as connection:
        connection.sendall(
            b"POST /workers/echo/messages HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 104857600\r\n\r\n"
        )
        taken = _taken(connection, part, times=100)
    assert taken < 100
    assert target.resident() - resident < 8 * 1024 * 1024
    assert target.is_prompt()


AMBIGUOUS = (
    (b"[" * 100_000, b"nested more than 64 levels"),
    (b'{"message": ' + b"[" * 64 + b"]" * 64 + b"}", b"nested more than 64 levels"),
    (b'{"message": NaN}', b"NaN is no number"),
    (b'{"message": -Infinity}', b"-Infinity is no number"),
    (b'{"message": 1e999}', b"1e999 is too large"),
    (b'{"message": ' + b"9" * 5000 + b"}", b"not JSON as it is meant here"),
    (b'{"message": 1, "message": 2}', b"the key 'message' is given twice"),
    (b'{"message": {"a": 1, "a": 1}}', b"the key 'a' is given twice"),
    (b'{"message": "\xff"}', b"not UTF-8 (byte 13)"),
    (b"\xef\xbb\xbf{}", b"not JSON"),
    (b"", b"not JSON"),
    (b"[]", b"the body is {"),
    (b'{"message": 1, "wait": "yes"}', b"wait: true or false"),
    (b'{"message": 1, "timeout": -1}', b"timeout: a duration is finite and not negative"),
    (b'{"message": 1, "timeout": [true]}', b"timeout: a number of seconds, not [true]"),
    (b'{"message": 1, "timeout": true}', b"timeout: a number of seconds, not true"),
    (b'{"message": 1, "more": 1}', b"the body is {"),
)


def test_ambiguous_json_is_refused_with_the_reason(target):
    for body, why in AMBIGUOUS:
        answer = target.post("/workers/echo/messages", body)
        assert answer.startswith(b"HTTP/1.1 400"), (body[:40], answer)
        assert why in answer
    assert target.seen() == []


def test_nothing_from_the_wire_is_looked_up_by_name():
    """No module of the server calls what turns text into code or into an attribute."""
    calls = {"getattr", "setattr", "eval", "exec", "compile", "__import__", "vars", "globals"}
    allowed = {("__init__.py", "getattr"), ("__init__.py", "globals"), ("plugin_routes.py", "vars")}
    modules = {"pickle", "marshal", "shelve", "importlib", "ctypes", "yaml", "subprocess"}
    for path in Path(smoothop.control.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and node.id in calls:
                assert (path.name, node.id) in allowed
            if isinstance(node, ast.Import) and path.name != "__init__.py":
                assert not modules & {name.name.partition(".")[0] for name in node.names}
            if isinstance(node, ast.ImportFrom) and path.name != "__init__.py":
                assert (node.module or "").partition(".")[0] not in modules
