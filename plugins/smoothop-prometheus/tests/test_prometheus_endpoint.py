"""The HTTP endpoint: where it listens, what it answers, and that it harms nobody."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from prometheus_client import CollectorRegistry
from smoothop_prometheus.endpoint import MAX_CLIENTS, Endpoint
from smoothop_prometheus.settings import Address, read_address, read_max_workers

from smoothop import Config, done

DEADLINE = 30
ANY_PORT = Address("127.0.0.1", 0)


def connected(endpoint):
    # The deadline is shorter than what the server gives a client that says nothing.
    return socket.create_connection((endpoint.address.host, endpoint.address.port), timeout=5)


@pytest.fixture
def endpoint():
    made = Endpoint(ANY_PORT, CollectorRegistry())
    yield made
    made.close()


@pytest.fixture
def told():
    """An event that is set when the endpoint writes to the log that a request failed."""
    happened = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record):
            if record.getMessage().startswith("a request from"):
                happened.set()

    handler = Handler()
    logger = logging.getLogger("smoothop.prometheus")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield happened
    logger.setLevel(level)
    logger.removeHandler(handler)


@pytest.fixture
def listening(followed, monkeypatch):
    monkeypatch.setenv("SMOOTHOP_PROMETHEUS_LISTEN", "127.0.0.1:0")
    operator = followed.operator()
    operator.add_handler("worker", lambda ctx: done(), Config(message_only=True))
    operator.start_all()
    followed.wait_until_told(operator)
    return operator


def test_a_started_operator_serves_its_metrics(followed, listening, get):
    assert 'smoothop_mailbox_depth{worker="worker"} 0.0' in get(followed.url())


def test_it_says_in_the_log_where_the_metrics_are(followed, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "smoothop")
    monkeypatch.setenv("SMOOTHOP_PROMETHEUS_LISTEN", "127.0.0.1:0")
    operator = followed.operator()
    followed.wait_until_told(operator)

    assert f"metrics at {followed.url()}" in caplog.messages


def test_what_handlers_count_with_the_client_library_is_served_too(followed, listening, get):
    from prometheus_client import Counter

    Counter("orders", "Orders.", registry=followed.metrics).inc()

    assert "orders_total 1.0" in get(followed.url())


def test_openmetrics_is_spoken_to_those_who_ask(followed, listening):
    asked = Request(followed.url(), headers={"Accept": "application/openmetrics-text"})
    with urlopen(asked, timeout=DEADLINE) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.read().endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metrics/x", "/../metrics"])
def test_there_is_nothing_at_other_paths(endpoint, path, get):
    with pytest.raises(HTTPError, match="404"):
        get(endpoint.url.removesuffix("/metrics") + path)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(endpoint, method):
    with pytest.raises(HTTPError, match="405"):
        urlopen(Request(endpoint.url, data=b"x", method=method), timeout=DEADLINE)


def test_a_collector_of_somebody_else_that_fails_is_logged_and_answered(get, caplog):
    class Broken:
        def describe(self):
            return []

        def collect(self):
            raise RuntimeError("broken on purpose")

    registry = CollectorRegistry()
    registry.register(Broken())
    endpoint = Endpoint(ANY_PORT, registry)
    with pytest.raises(HTTPError, match="500"):
        get(endpoint.url)
    endpoint.close()

    assert "the metrics could not be collected" in caplog.messages


def test_clients_that_say_nothing_give_way_to_new_ones(endpoint, get):
    silent = [connected(endpoint) for _ in range(MAX_CLIENTS)]
    assert get(endpoint.url) is not None
    assert silent[0].recv(1) == b""
    for client in silent:
        client.close()


def test_closing_cuts_off_whoever_is_connected(endpoint, get):
    with connected(endpoint) as client:
        get(endpoint.url)  # whoever came before has been let in by now
        endpoint.close()
        assert client.recv(1) == b""


def test_after_closing_the_port_is_free(endpoint):
    endpoint.close()
    Endpoint(endpoint.address, CollectorRegistry()).close()


@pytest.mark.parametrize("request_line", [b"\0" * 99, b"GET\n\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_nonsense_harms_nobody_and_prints_nothing(endpoint, request_line, get, capsys):
    with connected(endpoint) as client:
        client.sendall(request_line)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    get(endpoint.url)

    assert capsys.readouterr().err == ""


def test_a_client_that_goes_away_harms_nobody_and_prints_nothing(endpoint, capsys, told):
    with connected(endpoint) as client:
        client.sendall(b"GET /metrics HT")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert told.wait(DEADLINE)

    assert capsys.readouterr().err == ""


def test_a_port_in_use_is_a_clear_error_that_leaves_the_workers_alone(
    followed, monkeypatch, caplog
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("SMOOTHOP_PROMETHEUS_LISTEN", f"127.0.0.1:{port}")
        followed.failing_hooks["smoothop_operator_started"] = 1
        operator = followed.operator()
        operator.add_handler("worker", lambda ctx: done(ctx.message), Config(message_only=True))
        operator.start_all()
        assert operator.dispatch("worker", 1).result(DEADLINE) == 1
        followed.wait_until_told(operator)

    (message,) = [text for text in caplog.messages if "cannot listen" in text]
    assert "prometheus" in message
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in message
    assert "set SMOOTHOP_PROMETHEUS_LISTEN to a free HOST:PORT, or to off" in message
    labels = {"plugin": "prometheus", "hook": "smoothop_operator_started"}
    assert followed.value("smoothop_plugin_errors_total", **labels) == 1
    assert followed.value("smoothop_dispatch_total", worker="worker", result="accepted") == 1


def test_two_operators_share_one_endpoint_until_the_last_is_closed(followed, listening, get):
    url = followed.url()
    second = followed.operator()
    followed.wait_until_told(second)
    assert followed.url() == url
    listening.close()
    assert "smoothop_build_info" in get(url)
    second.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", urlsplit(url).port), DEADLINE)


def test_it_can_be_switched_off(followed, operator):
    followed.wait_until_told(operator)
    assert followed.observer.exposure.endpoint is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", Address("127.0.0.1", 9464)),
        ("127.0.0.1:9000", Address("127.0.0.1", 9000)),
        ("0.0.0.0:0", Address("0.0.0.0", 0)),
        ("localhost:80", Address("localhost", 80)),
        ("[::1]:9464", Address("::1", 9464)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_what_listen_may_say(text, address):
    assert read_address({"SMOOTHOP_PROMETHEUS_LISTEN": text}) == address


@pytest.mark.parametrize(
    "text", ["9464", ":9464", "host:", "host:x", "host:-1", "host:65536", "[]:1"]
)
def test_what_listen_must_not_say(text):
    with pytest.raises(ValueError, match=r"SMOOTHOP_PROMETHEUS_LISTEN.*HOST:PORT.*off"):
        read_address({"SMOOTHOP_PROMETHEUS_LISTEN": text})


@pytest.mark.parametrize("text", ["-1", "many", "1.5"])
def test_what_max_workers_must_not_say(text):
    with pytest.raises(ValueError, match=r"SMOOTHOP_PROMETHEUS_MAX_WORKERS.*whole number"):
        read_max_workers({"SMOOTHOP_PROMETHEUS_MAX_WORKERS": text})


def test_an_ipv6_address_can_be_listened_on(get):
    try:
        endpoint = Endpoint(Address("::1", 0), CollectorRegistry())
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    assert get(endpoint.url) == ""
    endpoint.close()
