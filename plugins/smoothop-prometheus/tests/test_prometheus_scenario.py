"""A real Prometheus server scrapes workers under load, with panics and restarts."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import subprocess
import threading
from importlib.resources import files
from urllib.parse import urlencode, urlsplit

import pytest

from smoothop import Config, done, fail, none

DEADLINE = 60
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: smoothop
    static_configs: [{{targets: ["{target}"]}}]
"""


class Scrapes:
    """A collector without metrics that knows how often it was asked."""

    def __init__(self) -> None:
        self.number = 0
        self._changed = threading.Condition()

    def describe(self):
        return []

    def collect(self):
        with self._changed:
            self.number += 1
            self._changed.notify_all()
        return []

    def wait_for_more(self, more):
        """Return when there have been so many more.

        The server scrapes a target one after the other: when a scrape begins, the one before it
        can be asked for.
        """
        with self._changed:
            enough = self.number + more
            assert self._changed.wait_for(lambda: self.number >= enough, DEADLINE + 2 * more)


class Server:
    """A Prometheus server on loopback, with a data folder of its own."""

    def __init__(self, program, folder, get):
        self._program = program
        self._folder = folder
        self._get = get
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            self._address = f"127.0.0.1:{chosen.getsockname()[1]}"
        self._process = None

    def start(self, target):
        """Scrape `target`, and evaluate the alert rules, once a second."""
        rules = json.dumps(str(files("smoothop_prometheus") / "alerts.yml"))
        config = self._folder / "prometheus.yml"
        config.write_text(CONFIG.format(rules=rules, target=target))
        options = (
            f"--config.file={config}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self._address}",
        )
        with (self._folder / "log").open("w") as log:
            self._process = subprocess.Popen([self._program, *options], stdout=log, stderr=log)

    def ask(self, expression):
        """Return what an expression is now: pairs of labels and value."""
        question = urlencode({"query": expression})
        answer = json.loads(self._get(f"http://{self._address}/api/v1/query?{question}"))
        assert answer["status"] == "success"
        return [(found["metric"], float(found["value"][1])) for found in answer["data"]["result"]]

    def only(self, expression):
        """Return the only value of an expression."""
        ((_, value),) = self.ask(expression)
        return value

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE)


@pytest.fixture
def server(tmp_path, get):
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    server = Server(program, tmp_path, get)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _no_pages_of_tracebacks(caplog):
    caplog.set_level(logging.CRITICAL)


class Poller:
    """Finds work at every second call; every tenth call fails."""

    config = Config()

    def __init__(self):
        self._calls = 0

    def handle(self, ctx):
        self._calls += 1
        if self._calls % 10 == 0:
            return fail("no", idle=0.001)
        return done() if self._calls % 2 else none(idle=0.001)


def panic(ctx):
    raise RuntimeError("broken on purpose")


def echo(ctx):
    return done(ctx.message)


def add_workers(operator):
    operator.add_handler("poller", Poller())
    operator.add_handler("echo", echo, Config(message_only=True))
    operator.add_handler("panics", panic, Config(panic_backoff=0.01))
    operator.add_handler("fails", panic, Config(panic_backoff=0.01, max_panic_attempts=3))
    operator.start_all()


def test_a_real_server_sees_what_the_workers_did(followed, server, monkeypatch, sized):
    scrapes = Scrapes()
    followed.metrics.register(scrapes)
    monkeypatch.setenv("SMOOTHOP_PROMETHEUS_LISTEN", "127.0.0.1:0")
    operator = followed.operator()
    add_workers(operator)
    server.start(urlsplit(followed.url()).netloc)
    scrapes.wait_for_more(1)
    last = scrapes.number + sized(ci=4, soak=60)
    sent = 0
    while scrapes.number < last or sent < 500:
        assert operator.dispatch("echo", sent).result(DEADLINE) == sent
        sent += 1
        if sent % 500 == 0:
            operator.update_config("echo", mailbox_size=sent).result(DEADLINE)
    for name in ("poller", "panics", "echo"):
        operator.stop(name).result(DEADLINE)
    followed.wait_until_told(operator)
    scrapes.wait_for_more(2)

    only = server.only
    # What is read from the workers is exact, and what is counted from events is, but for those
    # that were dropped: on a busy machine there may be some.
    assert only('smoothop_worker_restarts_total{worker="echo"}') == sent // 500 > 0
    for name in ("panics", "fails"):
        panics = operator.worker(name).snapshot().panics
        assert only(f'smoothop_panics_total{{worker="{name}"}}') == panics > 0
    handled = sum(worker.snapshot().handled for worker in operator.workers())
    counted = only("sum(smoothop_handle_duration_seconds_count)")
    accepted = only("sum(smoothop_dispatch_total)")
    assert (handled - counted) + (sent - accepted) == only("smoothop_events_dropped_total")
    assert 0 < only('smoothop_mailbox_wait_seconds_count{worker="echo"}') <= sent
    states = server.ask("smoothop_worker_state == 1")
    assert {labels["worker"]: labels["state"] for labels, _ in states} == {
        "poller": "stopped",
        "echo": "stopped",
        "panics": "stopped",
        "fails": "failed",
    }
    # It was scraped without a gap, and the queries of the rules and the dashboard work.
    assert only("min_over_time(up[1h])") == 1
    assert only('rate(smoothop_dispatch_total{worker="echo", result="accepted"}[1h])') > 0
    p95 = "histogram_quantile(0.95, rate(smoothop_mailbox_wait_seconds_bucket[1h]))"
    assert {labels["worker"]: value > 0 for labels, value in server.ask(p95)}["echo"]
    firing = {(labels["alertname"], labels.get("worker")) for labels, _ in server.ask("ALERTS")}
    assert ("SmoothopWorkerFailed", "fails") in firing
    assert ("SmoothopWorkerPanicking", "panics") in firing
