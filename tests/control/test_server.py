"""The server: connections, slow and silent clients, the end, and what it is like with others."""

import asyncio
import http.client
import json
import logging
import socket
import subprocess
import sys
import threading

import pytest
from support.said import Said

from smoothop import Config, MessageDroppedError, Operator, WorkerNotFoundError, done, none
from smoothop.control import (
    Client,
    ControlRefusedError,
    ControlRequestError,
    ControlServer,
    ControlStartError,
)
from smoothop.control.server import connections, following, gate, server
from smoothop.control.server.connections import Crowd
from smoothop.control.server.peer import Peer


class Line:
    """A transport that remembers that it was closed."""

    is_closed = False

    def abort(self):
        self.is_closed = True


def test_at_the_limit_the_connection_that_waits_longest_gives_way():
    async def story():
        crowd, lines = Crowd(most=2), [Line() for _ in range(4)]
        first, second = (crowd.admit(Peer(), line) for line in lines[:2])
        first.begin()
        assert crowd.admit(Peer(), lines[2]) is not None
        assert [line.is_closed for line in lines] == [False, True, False, False]
        crowd.admit(Peer(), lines[3]).begin()
        assert [line.is_closed for line in lines] == [False, True, True, False]
        assert crowd.admit(Peer(), Line()) is None  # both are being answered
        second.lost()
        first.end()
        assert crowd.admit(Peer(), Line()) is not None
        for one in list(crowd.all):
            one.lost()

    asyncio.run(story())


def connected(one):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(one.server.place.socket))
    connection.settimeout(10)
    return connection


def received(connection):
    """Read until the other side closes."""
    found = b""
    while part := connection.recv(10_000):
        found += part
    return found


def test_half_a_request_is_not_waited_for(running, monkeypatch):
    monkeypatch.setattr(connections, "IDLE", 0.05)
    with connected(running()) as connection:
        connection.sendall(b"GET /workers HTTP/1.1\r\nHo")
        assert connection.recv(100) == b""


def test_connection_that_is_not_used_again_is_closed(running, monkeypatch):
    monkeypatch.setattr(connections, "IDLE", 0.05)
    with connected(running()) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        assert received(connection).startswith(b"HTTP/1.1 200")


def test_half_a_body_is_not_waited_for(running, monkeypatch):
    monkeypatch.setattr(gate, "PATIENCE", 0.05)
    with connected(running()) as connection:
        head = b"POST /workers/echo/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
        connection.sendall(head + b'{"mess')
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"the body did not arrive within" in answer


def test_two_requests_on_one_connection_are_answered_in_turn(running):
    with connected(running()) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        found = b""
        while found.count(b'{"ok":true') < 3:
            found += connection.recv(10_000)


def test_reader_that_never_reads_is_dropped_and_counted(running, monkeypatch):
    monkeypatch.setattr(following, "STALLED", 0.05)
    one = running()
    one.operator.add_handler("busy", lambda ctx: done())
    one.operator.start("busy")
    with Said("a reader of events was dropped") as dropped, connected(one) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(10).startswith(b"HTTP/1.1")
        assert dropped.wait(10)
    info = one.client.operator()
    assert (info.event_readers, info.event_readers_dropped) == (0, 1)


def test_more_readers_than_there_is_room_for_are_refused(running, monkeypatch):
    monkeypatch.setattr(following, "MOST_READERS", 1)
    one = running()
    with (
        one.client.events(),
        pytest.raises(ControlRequestError, match="1 follow the events already"),
    ):
        one.client.events()


def test_events_of_one_worker_are_not_pushed_out_by_another(running):
    one = running()
    one.operator.add_handler("busy", lambda ctx: done())
    one.operator.start("busy")
    with one.client.events("echo") as events:
        one.client.send("echo", 1, wait=True)
        one.client.stop("echo")
        told = [next(events) for _ in range(3)]
    assert {event.worker for event in told} == {"echo"}
    assert {event.kind for event in told[:2]} == {"dispatch", "handle"}  # side by side
    assert told[2].kind == "lifecycle"
    assert events.dropped == 0


def test_events_end_when_the_operator_is_closed(running):
    one = running()
    with one.client.events(kinds=["lifecycle"]) as events:
        one.operator.close()
        assert {event.worker for event in events} == {"idler", "echo"}


def test_readiness_and_life(running):
    def asked(path):
        connection = http.client.HTTPConnection(one.server.url.removeprefix("http://"))
        connection.request("GET", path)
        response = connection.getresponse()
        found = response.status, json.loads(response.read())["reasons"]
        connection.close()
        return found

    one = running("other", http="127.0.0.1:0")
    one.client.send("echo", 1, wait=True)
    assert asked("/livez") == (200, [])
    one.operator.add_handler("panics", lambda ctx: 1 / 0, Config(max_panic_attempts=1))
    with one.client.events("panics", ["lifecycle"]) as events:
        one.operator.start("panics")
        assert [next(events).event, next(events).reason] == ["started", "panic limit"]
    assert asked("/readyz") == (503, ["worker panics has used up its panics"])
    one.operator.remove_handler("panics").wait(10)
    one.client.stop("idler")
    assert asked("/readyz") == (200, [])
    one.operator.add_handler("critical", lambda ctx: none(3600), Config(critical=True))
    assert asked("/readyz") == (503, ["worker critical does not run"])
    one.operator.close()
    assert asked("/readyz") == (503, ["the operator stops"])
    assert asked("/livez") == (200, [])


def test_loop_that_does_not_tick_is_no_life(running, monkeypatch):
    monkeypatch.setattr("smoothop.control.server.health.PULSE", 0.05)
    one = running()
    entered, let_go = threading.Event(), threading.Event()

    async def blocks(ctx):
        entered.set()
        let_go.wait()
        return none(3600)

    one.operator.add_handler("blocks", blocks)
    one.operator.start("blocks")
    assert entered.wait(10)
    with connected(one) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = received(connection)
    let_go.set()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"the event loop has not ticked" in answer


def test_changes_and_refusals_are_in_the_audit_log(running, caplog):
    one = running(read_only=True)
    caplog.set_level(logging.INFO, "smoothop.control")
    for _ in range(3):
        with pytest.raises(ControlRefusedError, match="--read-only"):
            one.client.stop("echo")
    told = [record for record in caplog.records if record.name == "smoothop.control"]
    assert [record.levelname for record in told] == ["WARNING"]  # the others were only counted
    assert told[0].getMessage().startswith("refused: stop echo, asked by uid ")
    assert told[0].worker == "echo"


def test_names_from_outside_forge_no_line_of_the_audit_log(running, caplog):
    one = running()
    caplog.set_level(logging.INFO, "smoothop.control")
    with pytest.raises(WorkerNotFoundError):
        one.client.stop("x\nsmoothop.control INFO forged")
    assert all("\n" not in record.getMessage() for record in caplog.records)


def test_what_is_waited_for_is_forgotten_when_the_client_goes_away(running):
    one = running()
    one.client.pause("echo")
    with connected(one) as connection, one.client.events("echo", ["dispatch"]) as events:
        body = b'{"message": 1, "wait": true}'
        head = b"POST /workers/echo/messages HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        next(events)  # from here on it is waited for
    loop = one.server._loop
    assert asyncio.run_coroutine_threadsafe(_unfinished(), loop).result(10) == []


async def _unfinished():
    """Return the tasks that are still there when there was time to end."""
    mine = asyncio.current_task()
    requests = [task for task in asyncio.all_tasks() if "run_asgi" in str(task.get_coro())]
    _, left = await asyncio.wait(requests or [asyncio.ensure_future(asyncio.sleep(0))], timeout=9)
    return [task for task in left if task is not mine]


def test_what_is_not_answered_in_time_is_cut_off_without_a_word(running, caplog):
    one = running()
    one.client.pause("echo")
    with connected(one) as connection, one.client.events("echo", ["dispatch"]) as events:
        body = b'{"message": 1, "wait": true}'
        head = b"POST /workers/echo/messages HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        next(events)
        one.server.close()
        assert received(connection) == b""
    assert "Exception" not in caplog.text


def test_requests_that_are_being_answered_are_answered_at_the_end(running, monkeypatch):
    monkeypatch.setattr(server, "_LAST_ANSWERS", 10)
    monkeypatch.setattr(server, "_LAST_WORDS", 10)
    one = running()
    closing = threading.Thread(target=one.server.close)

    def closes(ctx):
        closing.start()
        begun = asyncio.run_coroutine_threadsafe(one.server._closing.wait(), one.server._loop)
        begun.result(10)
        return done("the last answer")

    one.operator.add_handler("closes", closes, Config(message_only=True))
    one.operator.start("closes")
    assert one.client.send("closes", 1, wait=True) == "the last answer"
    closing.join(10)


def test_who_has_connected_when_the_end_begins_is_answered(running, monkeypatch):
    monkeypatch.setattr(server, "_LAST_ANSWERS", 10)
    monkeypatch.setattr(server, "_LAST_WORDS", 10)
    one = running()
    busy, free = threading.Event(), threading.Event()
    one.server._loop.call_soon_threadsafe(lambda: (busy.set(), free.wait(10)))
    assert busy.wait(10)
    with connected(one) as asks, connected(one) as asks_later:  # neither is accepted yet
        asks.sendall(b"GET /operator HTTP/1.1\r\nHost: a\r\n\r\n")
        one.server._loop.call_soon_threadsafe(one.server._closing.set)
        free.set()
        assert received(asks).startswith(b"HTTP/1.1 200")
        asks_later.sendall(b"GET /operator HTTP/1.1\r\nHost: a\r\n\r\n")
        asks_later.settimeout(5)
        assert received(asks_later).startswith(b"HTTP/1.1 200")  # and is closed at once


def test_whoever_comes_when_the_end_has_begun_finds_nobody(running):
    one = running()
    path = one.server.place.socket
    with connected(one) as connection:
        asyncio.run_coroutine_threadsafe(_begin_to_close(one.server), one.server._loop).result(10)
        assert not path.exists()
        assert connection.recv(100) == b""  # and who says nothing is not waited for any longer


async def _begin_to_close(closed):
    closed._closing.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_large_answer_is_sent_whole_at_the_end(running, monkeypatch):
    monkeypatch.setattr(server, "_LAST_ANSWERS", 10)
    monkeypatch.setattr(server, "_LAST_WORDS", 10)
    one = running()
    one.operator.add_handler("large", lambda ctx: done("x" * 3_000_000), Config(message_only=True))
    one.operator.start("large")
    with connected(one) as connection:
        body = b'{"message": 1, "wait": true}'
        head = b"POST /workers/large/messages HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        begun = connection.recv(1)  # from here on it is all written, and far from sent
        closing = threading.Thread(target=one.server.close)
        closing.start()
        asyncio.run_coroutine_threadsafe(one.server._closing.wait(), one.server._loop).result(10)
        answer = begun + received(connection)
    closing.join(10)
    assert answer.endswith(b'x","error":null}\n')


def test_message_that_the_operator_dropped_at_its_close_is_told(running):
    one = running()
    outcome = []
    one.client.pause("echo")
    with one.client.events("echo", ["dispatch"]) as events:
        waiting = threading.Thread(target=lambda: outcome.append(told(one)))
        waiting.start()
        next(events)  # the message is in the mailbox, and its sender waits
    one.operator.close()
    waiting.join(10)
    assert outcome == ["worker echo: the operator was closed"]


def told(one):
    """Wait for the outcome of a message that nobody will handle."""
    with pytest.raises(MessageDroppedError) as raised:
        one.client.send("echo", 1, wait=True)
    return str(raised.value)


def test_address_that_is_taken_is_told_and_the_name_given_back(running):
    with socket.create_server(("127.0.0.1", 0)) as taken, Operator() as operator:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ControlStartError, match=f"nobody can listen on {address}"):
            ControlServer(operator, name="a", http=address).start()
        with ControlServer(operator, name="a"):
            assert Client("a").operator().state == "running"


NO_DESCRIPTORS = """
import os, resource
from smoothop import Operator
from smoothop.control import Client, ControlServer, ControlStartError
with Operator() as operator:
    made = ControlServer(operator, name="a")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = os.open("/dev/null", os.O_RDONLY)
    os.close(highest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, before[1]))  # for lock and socket
    try:
        made.start()
    except ControlStartError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    with ControlServer(operator, name="a"):
        print(Client("a").operator().state)
"""


def test_server_without_descriptors_for_a_loop_does_not_start_and_is_not_waited_for():
    # In a process of its own: an event loop that Python cannot finish complains at its end.
    told = subprocess.check_output([sys.executable, "-c", NO_DESCRIPTORS], text=True, timeout=30)
    failure, state = told.splitlines()
    assert "Too many open files" in failure
    assert state == "running"


def test_server_can_be_inside_or_around_its_operator(run_directory):
    with Operator() as operator, ControlServer(operator, name="inside"):
        pass
    operator = Operator()
    with ControlServer(operator, name="around"), operator:
        assert Client("around").workers() == []
