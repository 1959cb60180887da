"""The clients, sync and async, against a real server."""

import asyncio
import inspect
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest
from support.said import Said

from smoothop import (
    Config,
    DispatchTimeoutError,
    HandlerFailedError,
    HandlerPanickedError,
    SmoothopError,
    StopTimeoutError,
    WorkerNotFoundError,
    done,
    fail,
    none,
)
from smoothop.cli.commands import stop
from smoothop.control import (
    AnswerCutError,
    AsyncClient,
    Client,
    ControlRequestError,
    OperatorInfo,
    OperatorNotRunningError,
)
from smoothop.control.clients import requests
from smoothop.control.server.room import WorkerFacts


def test_operator_tells_who_it_is(running):
    one = running("billing")
    info = one.client.operator()
    assert (info.name, info.state, info.workers, info.read_only) == ("billing", "running", 2, False)


def test_workers_are_told_in_order_as_in_the_process(running):
    one = running()
    one.client.stop("idler")
    told = one.client.workers()
    assert [(each.name, each.status) for each in told] == [
        ("idler", "stopped"),
        ("echo", "running"),
    ]
    own = one.operator.worker("idler").snapshot().to_dict()
    now = {"time": 0, "rate": 0}  # the rate is that of the calls until now
    assert told[0].to_dict() | now == own | now


def test_actions_say_whether_they_changed_something(running):
    client = running().client
    assert client.stop("idler").changed
    assert not client.stop("idler").changed
    assert client.worker("idler").snapshot.status == "stopped"
    assert client.start("idler").changed
    assert not client.start("idler").changed
    assert client.restart("idler").status == "running"
    assert client.worker("idler").snapshot.starts == 3


def test_restart_starts_a_stopped_worker(running):
    client = running().client
    client.stop("idler")
    assert client.restart("idler").status == "running"


class Colour(Enum):
    RED = 1


class Held:
    """Stays in `handle` until it is let go, whatever it is asked."""

    def __init__(self):
        self.entered, self.let_go = threading.Event(), threading.Event()

    def handle(self, ctx):
        self.entered.set()
        self.let_go.wait()  # this line
        return none(3600)


@pytest.fixture
def held():
    held = Held()
    yield held
    held.let_go.set()


def test_stop_that_takes_too_long_tells_the_line(running, held):
    one = running()
    one.operator.add_handler("stubborn", held)
    one.operator.start("stubborn")
    assert held.entered.wait(10)
    with pytest.raises(StopTimeoutError) as raised:
        one.client.stop("stubborn", timeout=0.05)
    assert "# this line" in raised.value.stuck["stubborn"]
    assert not one.client.stop("stubborn", wait=False).changed
    held.let_go.set()
    assert one.client.stop("stubborn").status == "stopped"


def test_start_waits_for_one_that_still_stops_until_it_runs(running, held):
    one, let_go = running(), held.let_go
    one.operator.add_handler("held", held)
    one.operator.start("held")
    assert held.entered.wait(10)
    one.client.stop("held", wait=False)
    assert one.client.start("held", wait=False).phase == "stopping"
    with pytest.raises(StopTimeoutError, match=r"held was not started within 0\.05 s") as raised:
        one.client.start("held", timeout=0.05)
    assert "# this line" in raised.value.stuck["held"]
    let_go.set()
    started = one.client.start("held")
    assert (started.status, started.phase == "stopping") == ("running", False)
    assert one.client.worker("held").snapshot.starts == 2


@pytest.mark.parametrize("action", ["start", "restart"])
def test_start_that_a_stop_takes_back_says_so(running, held, caplog, action):
    one = running()
    one.operator.add_handler("held", held)
    one.operator.start("held")
    assert held.entered.wait(10)
    one.client.stop("held", wait=False)
    caplog.set_level(logging.INFO, logger="smoothop.control")
    with ThreadPoolExecutor(1) as threads, Said(f"change: {action} held") as said:
        started = threads.submit(getattr(one.client, action), "held")
        assert said.wait(10)
        one.client.stop("held", wait=False)
        held.let_go.set()
        with pytest.raises(SmoothopError, match="held was asked to stop meanwhile"):
            started.result(10)
    assert one.client.worker("held").snapshot.starts == 1


def test_unknown_worker_is_the_same_error_as_in_the_process(running):
    with pytest.raises(WorkerNotFoundError, match=r"^worker nobody not found$"):
        running().client.stop("nobody")


def test_nobody_under_that_name_is_told_with_the_places(run_directory):
    with pytest.raises(OperatorNotRunningError, match=f"{run_directory}/smoothop/ghost.sock or "):
        Client("ghost").workers()
    with pytest.raises(OperatorNotRunningError, match=r"nobody answers at 127\.0\.0\.1:1$"):
        Client(url="http://127.0.0.1:1").workers()


def test_malformed_names_and_urls_are_refused():
    with pytest.raises(ValueError, match=r"'\.\./x' is not a name"):
        Client("../x")
    with pytest.raises(ValueError, match="url: http://HOST:PORT"):
        Client(url="https://example.org/path")


def test_a_foreign_server_is_told_from_an_operator():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        client = Client(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(ControlRequestError, match="no HTTP"):
            client.workers()
        thread.join()


@pytest.fixture
def scripted(run_directory):
    """A socket that gives each client what is next, and is gone after that."""
    listener = socket.socket(socket.AF_UNIX)
    (run_directory / "smoothop").mkdir()
    path = run_directory / "smoothop" / "scripted.sock"
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(5)

    def answer(answers):
        for number, one in enumerate(answers, 1):
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                if number == len(answers):
                    path.unlink()
                    listener.close()
                connection.sendall(one)

    def begin(*answers):
        threads.append(threading.Thread(target=answer, args=(answers,)))
        threads[0].start()
        return Client("scripted")

    threads = []
    yield begin
    threads[0].join(10)


HALF_A_CHUNK = b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n5"
HALF_AN_ANSWER = b'HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\n{"sta'


@pytest.mark.parametrize("half", [b"", b"HTTP/1.1 200 \r\nC", HALF_A_CHUNK, HALF_AN_ANSWER])
def test_answer_that_is_cut_off_means_that_the_operator_has_ended(scripted, half):
    with pytest.raises(AnswerCutError, match="the operator ends, or has ended"):
        scripted(half).operator()


def test_stop_all_waits_until_nobody_answers_whatever_is_cut_off(scripted):
    told = json.dumps(dict.fromkeys(OperatorInfo.__slots__)).encode()
    whole = b"HTTP/1.1 200 \r\nContent-Length: %d\r\n\r\n%b" % (len(told), told)
    client = scripted(b"", b"", whole, HALF_AN_ANSWER)
    stop._end(client, wait=True)
    with pytest.raises(OperatorNotRunningError, match="nobody answers"):
        client.operator()


def test_server_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.05)
        with pytest.raises(TimeoutError, match="did not answer in time"):
            client.workers()


async def _everything(client):
    return (
        await client.operator(),
        [one.name for one in await client.workers()],
        (await client.worker("echo")).snapshot.name,
        await client.stop("idler"),
        await client.start("idler"),
        await client.restart("idler"),
    )


def test_async_client_does_what_the_sync_one_does(running):
    running("both")
    info, names, name, *actions = asyncio.run(_everything(AsyncClient("both")))
    assert (info.name, names, name) == ("both", ["idler", "echo"], "echo")
    assert [one.changed for one in actions] == [True, True, True]


def test_async_client_raises_what_the_sync_one_raises(running):
    running("both")
    with pytest.raises(WorkerNotFoundError):
        asyncio.run(AsyncClient("both").stop("nobody"))
    with pytest.raises(OperatorNotRunningError):
        asyncio.run(AsyncClient("ghost").workers())


def test_both_clients_have_the_same_methods():
    def public(kind):
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: list(inspect.signature(one).parameters) for name, one in methods if name[0] != "_"
        }

    both, only = public(AsyncClient), {"begin", "answered"}
    assert {name: own for name, own in both.items() if name not in only} == public(Client)


def test_operator_still_answers_when_it_is_closed(running):
    one = running()
    one.operator.close()
    assert one.client.operator().state == "stopping"
    assert [each.status for each in one.client.workers()] == ["stopped", "stopped"]
    assert one.client.worker("echo").snapshot.status == "stopped"
    with pytest.raises(Exception, match="the operator is closed"):
        one.client.start("echo")


def test_paused_worker_says_by_whom_until_it_is_resumed(running):
    client = running().client
    assert client.pause("echo").changed
    assert not client.pause("echo").changed
    snapshot = client.worker("echo").snapshot
    assert snapshot.paused_since is not None
    assert snapshot.paused_by == f"uid {os.geteuid()} pid {os.getpid()}"
    assert client.resume("echo").changed
    assert not client.resume("echo").changed
    assert client.send("echo", 1, wait=True) == 1


def test_concurrency_is_changed_and_its_origin_noted(running):
    facts = {"echo": WorkerFacts({"concurrency": "default", "critical": "default"}, {"name": "x"})}
    client = running(facts=facts).client
    assert client.scale("echo", 3).changed
    details = client.worker("echo")
    assert details.snapshot.config["concurrency"] == 3
    assert details.config_origins == {"concurrency": "control", "critical": "default"}
    assert details.handler == {"name": "x"}
    assert not client.scale("echo", 3).changed
    with pytest.raises(ControlRequestError, match="concurrency"):
        client.scale("echo", 0)
    with pytest.raises(ControlRequestError, match="concurrency: 1000 at most"):
        client.scale("echo", 10**9)


def test_stacks_tell_where_workers_and_other_threads_stand(running):
    one = running()
    entered, let_go = threading.Event(), threading.Event()

    def waits(ctx):
        entered.set()
        let_go.wait()  # here it stands
        return none(3600)

    one.operator.add_handler("waits", waits)
    one.operator.start("waits")
    assert entered.wait(10)
    stacks = one.client.stacks()
    let_go.set()
    assert "# here it stands" in stacks.workers["waits"]
    assert "# here it stands" not in "".join(stacks.threads.values())
    assert "MainThread" in stacks.threads


def test_stacks_tell_the_tasks_of_the_event_loop_by_worker_also_while_it_is_blocked(running):
    one = running()
    at_rest, blocked, let_go = threading.Semaphore(0), threading.Event(), threading.Event()
    kept = []

    def start(coroutine, name):
        kept.append(asyncio.create_task(coroutine, name=name))
        return kept[-1]

    async def rests():
        at_rest.release()
        await asyncio.sleep(3600)  # at rest

    class Spawner:
        async def polls(self):
            await rests()

        async def watches(self, ctx):
            await ctx.wait()

        async def blocks(self):
            blocked.set()
            let_go.wait()  # it blocks

        def ended(self, task): ...

        async def handle(self, ctx):
            match ctx.message:
                case "group":
                    async with asyncio.TaskGroup() as group:
                        group.create_task(rests(), name="in group")
                        await rests()
                case "gather":
                    await asyncio.gather(start(rests(), "gathered"), start(self.nests(), "nests"))
                case "wait":
                    await asyncio.wait([start(rests(), "waited for")])
                case "shield":
                    await asyncio.wait_for(asyncio.shield(start(rests(), "shielded")), 3600)
                case "spawn":
                    start(self.polls(), "method")
                    start(Spawner.watches(None, ctx), "context")
                    start(rests(), "tells the handler").add_done_callback(self.ended)
                    start(rests(), "stray")
                    start(rests(), "stray")
                case "block":
                    start(self.blocks(), "blocks")
                    start(rests(), "not begun")
            return done()

        async def nests(self):
            await start(rests(), "nested")

    names = ("group", "gather", "wait", "shield", "spawn", "block")
    for name in names:
        config = Config(message_only=True, stop_grace=0)
        one.operator.add_handler(name, Spawner(), config)
        one.operator.start(name)
    for name in names[:-1]:
        one.operator.dispatch(name, name)
    assert all(at_rest.acquire(timeout=10) for _ in range(10))
    one.operator.dispatch("block", "block")
    assert blocked.wait(10)
    stacks = one.client.stacks()
    let_go.set()
    tasks = {name: re.findall(r"^task (.*):$", stacks.workers[name], re.M) for name in names}
    tasks["shield"] = [name for name in tasks["shield"] if not name.startswith("Task-")]
    assert tasks == {
        "group": ["in group"],
        "gather": ["gathered", "nested", "nests"],
        "wait": ["waited for"],
        "shield": ["shielded"],
        "spawn": ["context", "method", "tells the handler"],
        "block": ["blocks"],
    }
    assert stacks.workers["group"].count("# at rest") == 2
    assert sorted(stacks.tasks) == ["not begun", "stray", "stray (2)"]
    assert "# at rest" in stacks.tasks["stray (2)"]
    assert "# it blocks" in stacks.workers["block"]
    assert "in rests" in stacks.tasks["not begun"]


def test_a_task_of_a_worker_that_has_stopped_is_still_its_own(running):
    one = running()
    kept = []

    class Leaves:
        async def goes_on(self):
            await asyncio.sleep(3600)

        async def handle(self, ctx):
            kept.append(asyncio.create_task(self.goes_on(), name="left"))
            return done()

    one.operator.add_handler("leaves", Leaves(), Config(message_only=True))
    one.operator.start("leaves")
    one.client.send("leaves", 1, wait=True)
    one.client.stop("leaves")
    assert one.client.stacks().workers["leaves"].startswith("task left:\n")


def test_messages_are_sent_and_their_outcomes_raised_as_in_the_process(running):
    one = running()

    def moody(ctx):
        if ctx.message == "fail":
            return fail("no")
        if ctx.message == "panic":
            raise ValueError("never")
        return done({"got": ctx.message})

    one.operator.add_handler("moody", moody, Config(message_only=True, panic_backoff=0.001))
    one.operator.start("moody")
    assert one.client.send("moody", [1, None, "\ud800"], wait=True) == {"got": [1, None, "\ud800"]}
    with pytest.raises(HandlerFailedError, match="worker moody: handler failed: no"):
        one.client.send("moody", "fail", wait=True)
    with pytest.raises(HandlerPanickedError, match="never"):
        one.client.send("moody", "panic", wait=True)
    assert one.client.send("moody", 1) is None


def test_message_without_an_outcome_in_time_is_accepted_all_the_same(running):
    one = running()
    one.client.pause("echo")
    with pytest.raises(TimeoutError, match=r"no outcome from worker echo within 0\.05 seconds"):
        one.client.send("echo", 1, wait=True, timeout=0.05)
    assert one.client.worker("echo").snapshot.mailbox_depth == 1


@pytest.mark.parametrize("limit", [25 * 86_400, 1e10, 1e300])
def test_a_limit_may_be_longer_than_a_socket_can_wait(running, limit):
    one = running()
    client = Client("test", timeout=limit)
    assert client.send("echo", 1, wait=True, timeout=limit) == 1
    assert client.restart("echo", timeout=limit).status == "running"
    assert client.stop("echo", timeout=limit).status == "stopped"
    asynchronous = AsyncClient("test", timeout=limit)
    assert asyncio.run(asynchronous.start("echo", timeout=limit)).status == "running"
    one.operator.close()


def test_full_mailbox_and_removed_worker_are_told(running):
    one = running()
    one.operator.add_handler("small", lambda ctx: none(), Config(mailbox_size=1, message_only=True))
    one.client.send("small", 1)
    with pytest.raises(DispatchTimeoutError, match=r"^dispatch timeout"):
        one.client.send("small", 2, timeout=0)
    one.operator.remove_handler("small")
    with pytest.raises(WorkerNotFoundError):
        one.client.send("small", 3)


@pytest.mark.parametrize("result", [{"nan": float("nan")}, {1, 2}, [object()], {(1, 2): 3}])
def test_result_that_json_cannot_say_is_none_with_a_warning(running, caplog, result):
    one = running()
    one.operator.add_handler("odd", lambda ctx: done(result), Config(message_only=True))
    one.operator.start("odd")
    assert one.client.send("odd", 1, wait=True) is None
    (said,) = (text for text in caplog.messages if "odd" in text)
    assert said.startswith("worker odd: the result is done, but JSON cannot say it: ")


def test_result_whose_text_says_it_all_is_given_as_text(running):
    one = running()
    result = [Path("/x"), Decimal("1.5"), date(2026, 1, 2), Colour.RED]
    one.operator.add_handler("texts", lambda ctx: done(result), Config(message_only=True))
    one.operator.start("texts")
    assert one.client.send("texts", 1, wait=True) == ["/x", "1.5", "2026-01-02", "Colour.RED"]


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (SystemExit(4), "SystemExit: 4"),
        (KeyError("a"), "KeyError: 'a'"),
        (ValueError(), "ValueError"),
        (ValueError("never"), "ValueError: never"),
    ],
)
def test_exception_of_a_handler_is_told_with_its_type(running, raised, said):
    one = running()

    def moody(ctx):
        if ctx.message == "fail":
            return fail(raised)
        raise raised

    one.operator.add_handler("moody", moody, Config(message_only=True, panic_backoff=0.001))
    one.operator.start("moody")
    with pytest.raises(HandlerFailedError) as failed:
        one.client.send("moody", "fail", wait=True)
    assert str(failed.value) == f"worker moody: handler failed: {said}"
    with pytest.raises(HandlerPanickedError) as panicked:
        one.client.send("moody", "panic", wait=True)
    assert str(panicked.value) == f"worker moody: handler panicked: {said}"


def test_waiting_ends_when_the_client_goes_away(running):
    one = running()
    one.client.pause("echo")
    impatient = Client("test", timeout=0)
    with pytest.raises(TimeoutError):
        impatient._call(replace(requests.message("echo", 1, wait=True, timeout=None), patience=0.2))
    one.operator.close()
    one.server.close()  # returns at once: nothing is being answered any more


def test_operator_stops_its_workers_but_goes_on_where_it_is_embedded(running):
    one = running()
    assert one.client.stop_operator() is False
    assert one.client.start("echo").status == "running"


def test_a_client_imports_no_server_and_no_event_loop():
    program = "import sys, smoothop.control; smoothop.control.Client; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert "h11" in loaded
    assert not {"starlette", "uvicorn", "asyncio", "pydantic", "typer"} & set(loaded)
