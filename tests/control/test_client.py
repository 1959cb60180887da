"""The clients, sync and async, against a real server."""

import asyncio
import inspect
import socket
import threading

import pytest

from smoothop import StopTimeoutError, WorkerNotFoundError, none
from smoothop.control import (
    AsyncClient,
    Client,
    ControlRequestError,
    OperatorNotRunningError,
)


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


def test_stop_that_takes_too_long_tells_the_line(running):
    one = running()
    let_go, entered = threading.Event(), threading.Event()

    def stubborn(ctx):
        entered.set()
        let_go.wait()  # this line
        return none(3600)

    one.operator.add_handler("stubborn", stubborn)
    one.operator.start("stubborn")
    assert entered.wait(10)
    with pytest.raises(StopTimeoutError) as raised:
        one.client.stop("stubborn", timeout=0.05)
    assert "# this line" in raised.value.stuck["stubborn"]
    assert not one.client.stop("stubborn", wait=False).changed
    let_go.set()
    assert one.client.stop("stubborn").status == "stopped"


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
