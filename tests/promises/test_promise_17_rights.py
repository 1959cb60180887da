"""Promise 17: nobody without the same user id or a valid token changes anything.

The matrix of route x method x credentials, Host, Origin is made from the table the server uses;
what is expected stands here, route by route, so that a new route without an entry fails.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress

import pytest
from starlette.responses import PlainTextResponse

from smoothop import Config, Operator, Registry, done, hookimpl, none
from smoothop.control import Client, ControlServer, ControlStartError
from smoothop.control.server.peer import Peer, Rights, rights_on_socket
from smoothop.control.server.table import ENTRIES

OPEN = {("GET", "/livez"), ("GET", "/readyz")}
READING = {
    ("GET", "/operator"),
    ("GET", "/workers"),
    ("GET", "/workers/{name}"),
    ("GET", "/events"),
    ("GET", "/stacks"),
    ("GET", "/openapi.json"),
    ("GET", "/plugins/guest/page"),
}
CHANGING = {
    ("POST", "/operator/stop"),
    ("POST", "/workers/{name}/start"),
    ("POST", "/workers/{name}/stop"),
    ("POST", "/workers/{name}/restart"),
    ("POST", "/workers/{name}/pause"),
    ("POST", "/workers/{name}/resume"),
    ("PUT", "/workers/{name}/concurrency"),
    ("POST", "/workers/{name}/messages"),
    ("POST", "/plugins/guest/page"),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW")
BODIES = {"concurrency": {"concurrency": 1}, "messages": {"message": "hello"}}
FOREIGN = (
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example:80"},
    {"Host": "localhost@evil.example"},
    {"Host": ""},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


class Guest:
    """A hook plugin with a page of its own."""

    def __init__(self):
        self.changes = 0

    @hookimpl
    def smoothop_http(self, app):
        async def page(request):
            if request.method == "POST":
                self.changes += 1
            return PlainTextResponse(f"{request.url.path} {await request.body()!r}")

        app.add_route("/page", page, methods=["GET", "POST"])


class House:
    """An operator with a server in each way of being reached, and what could be changed."""

    def __init__(self, stack: ExitStack, tmp_path):
        self.guest = Guest()
        registry = Registry()
        registry.hooks.register(self.guest, "guest")
        self.operator = stack.enter_context(Operator())
        for name in ("worker", "stopped"):
            self.operator.add_handler(name, lambda ctx: done(), Config(message_only=True))
        self.operator.start("worker")
        self.token_file = tmp_path / "token"

        def server(name, **options):
            made = ControlServer(self.operator, name=name, registry=registry, **options)
            return stack.enter_context(made)

        port = "127.0.0.1:0"
        self.with_token = server("a", http=port, token_file=self.token_file)
        self.without_token = server("b", http=port)
        self.read_only = server("c", http=port, token_file=self.token_file, read_only=True)
        self.token = self.token_file.read_text().strip()
        self.entries = self.with_token._room.entries

    def state(self):
        """Everything that a change would change."""
        found = []
        for worker in self.operator.workers():
            known = worker.snapshot().to_dict()
            kept = ("status", "starts", "handled", "paused_since", "config", "mailbox_depth")
            found.append([known[key] for key in kept])
        return found, self.guest.changes


@pytest.fixture
def house(run_directory, tmp_path):
    with ExitStack() as stack:
        yield House(stack, tmp_path)


class UnixConnection(http.client.HTTPConnection):
    """A client of the standard library's on the socket."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


def ask(server, method, path, headers=None, *, unix=False):
    """Send one request; return its status."""
    if unix:
        connection = UnixConnection(str(server.place.socket), timeout=10)
    else:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    given = {"Host": "localhost", **(headers or {})}
    body = BODIES.get(path.rpartition("/")[2])
    text = b"" if body is None or method in ("GET", "HEAD") else json.dumps(body).encode()
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in {**given, "Content-Length": str(len(text))}.items():
            connection.putheader(name, value)
        with suppress(BrokenPipeError):  # it was refused before its body had come
            connection.endheaders(text)
        return connection.getresponse().status
    finally:
        connection.close()


def paths(house):
    return sorted({entry.path for entry in house.entries})


def concrete(path, worker="worker"):
    return path.replace("{name}", worker)


def test_every_route_and_method_is_in_the_matrix(house):
    found = {(entry.method, entry.path): str(entry.access) for entry in house.entries}
    assert found == {
        **dict.fromkeys(OPEN, "open"),
        **dict.fromkeys(READING, "read"),
        **dict.fromkeys(CHANGING, "change"),
    }
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)


def credentials(house):
    """Each way to come: name, server, headers, and what may be done so."""
    token = {"Authorization": f"Bearer {house.token}"}
    yield "token", house.with_token, token, "change"
    yield "no token", house.with_token, {}, "open"
    wrong = "A" * len(house.token)
    for header in (
        f"Bearer {wrong}",
        f"Bearer {house.token[:-1]}",
        f"Bearer {house.token}A",
        f"Basic {house.token}",
        house.token,
        "Bearer",
        "Bearer " + "A" * 10_000,
        "Bearer \xff",
    ):
        yield header[:20], house.with_token, {"Authorization": header}, "open"
    yield "none in use", house.without_token, {}, "read"
    yield "none in use, some given", house.without_token, token, "read"
    yield "read only, token", house.read_only, token, "read"
    yield "read only, no token", house.read_only, {}, "open"


def test_without_rights_no_route_and_method_changes_anything(house):
    before = house.state()
    for (name, server, headers, may), path, method in itertools.product(
        credentials(house), paths(house), METHODS
    ):
        wanted = ("GET" if method == "HEAD" else method, path)
        if may == "change" and wanted in CHANGING:
            continue
        if path == "/events" and method == "GET":
            continue  # it would go on for ever
        status = ask(server, method, concrete(path), headers)
        asked = (name, method, path, status)
        if wanted in OPEN or (wanted in READING and may != "open"):
            assert status in (200, 503), asked
        elif wanted in CHANGING or (wanted in READING and may == "open"):
            assert status in (401, 403), asked
        else:
            assert status in (405, 400), asked
    assert house.state() == before


def test_with_the_token_or_on_the_socket_every_change_is_made(house):
    token = {"Authorization": f"bearer {house.token}"}
    for method, path in sorted(CHANGING):
        assert ask(house.with_token, method, concrete(path), token) in (200, 202)
        assert ask(house.with_token, method, concrete(path), unix=True) in (200, 202)
    assert house.guest.changes == 2


def test_read_only_refuses_every_change_also_on_the_socket(house):
    before = house.state()
    for method, path in sorted(CHANGING):
        assert ask(house.read_only, method, concrete(path), unix=True) == 403
    assert house.state() == before


def test_pages_of_other_sites_reach_nothing_whatever_they_hold(house):
    before = house.state()
    token = {"Authorization": f"Bearer {house.token}"}
    for headers, path, method in itertools.product(FOREIGN, paths(house), METHODS):
        server = house.with_token
        status = ask(server, method, concrete(path), {**token, **headers})
        assert status in (403, 400), (method, path, headers, status)
    assert house.state() == before


def test_own_names_and_pages_are_let_in(house):
    token = {"Authorization": f"Bearer {house.token}"}
    port = house.with_token.url.rpartition(":")[2]
    for headers in (
        {"Host": f"127.0.0.1:{port}"},
        {"Host": f"[::1]:{port}"},
        {"Host": "localhost"},
        {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
    ):
        assert ask(house.with_token, "GET", "/workers", {**token, **headers}) == 200, headers


def test_reading_changes_nothing(house):
    before = house.state()
    for method, path in itertools.product(("GET", "HEAD"), paths(house)):
        if (method, path) != ("GET", "/events"):
            ask(house.with_token, method, concrete(path), unix=True)
    assert house.state() == before


def test_only_the_same_user_has_rights_on_the_socket():
    assert rights_on_socket(Peer(uid=1000, pid=1), own_uid=1000) is Rights.CHANGE
    for other in (0, 1001, 65534, -1):
        assert rights_on_socket(Peer(uid=other, pid=1), own_uid=1000) is Rights.NONE


AS_NOBODY = """
import os, socket, sys
os.setresuid(65534, 65534, 65534)
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.sendall(b"POST /workers/stopped/start HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
print(client.makefile().read())  # head and body may come one after the other; then it is closed
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_process_of_another_user_is_refused_even_where_the_files_let_it_in(house, run_directory):
    before = house.state()
    path = house.with_token.place.socket
    run_directory.chmod(0o755)
    path.parent.chmod(0o755)
    path.chmod(0o666)
    told = subprocess.check_output([sys.executable, "-c", AS_NOBODY, str(path)], text=True)
    assert told.startswith("HTTP/1.1 403")
    assert "this operator belongs to another user" in told
    assert house.state() == before


def test_health_tells_strangers_no_names(house):
    house.operator.add_handler("secretive", lambda ctx: none(), Config(critical=True))
    url = house.with_token.url
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    connection.request("GET", "/readyz")
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())) == (503, {"ok": False, "reasons": []})
    connection.close()


def test_token_has_256_bits_in_a_file_that_nobody_else_can_read(house):
    assert len(house.token) == 43
    assert house.token_file.stat().st_mode & 0o777 == 0o600
    assert Client(url=house.with_token.url, token=house.token).operator().name == "a"


@pytest.mark.parametrize(
    ("mode", "content", "why"),
    [
        (0o640, "A" * 43, "readable for nobody else: chmod 600"),
        (0o604, "A" * 43, "readable for nobody else: chmod 600"),
        (0o600, "short", "holds no token of 256 bits"),
        (0o600, "", "holds no token of 256 bits"),
        (0o600, "A" * 43 + "\nB", "holds no token of 256 bits"),
    ],
)
def test_token_file_that_protects_nothing_is_refused(run_directory, tmp_path, mode, content, why):
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(mode)
    with Operator() as operator:
        server = ControlServer(operator, name="a", http="127.0.0.1:0", token_file=file)
        with pytest.raises(ControlStartError, match=why):
            server.start()
        with ControlServer(operator, name="a"):  # and the name is free again
            pass


def test_what_others_can_reach_takes_a_token(run_directory):
    with Operator() as operator:
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:80"):
            with pytest.raises(ControlStartError, match="that takes a token"):
                ControlServer(operator, name="a", http=address).start()
