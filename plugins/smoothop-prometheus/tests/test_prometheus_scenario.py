"""A real Prometheus server scrapes workers under load, with panics and restarts."""

from __future__ import annotations

import json
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


@pytest.fixture
def server(tmp_path):
    """Start a Prometheus server that scrapes a target; return how to ask it."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        address = f"127.0.0.1:{chosen.getsockname()[1]}"
    running = []

    def start(target):
        rules = files("smoothop_prometheus") / "alerts.yml"
        config = tmp_path / "prometheus.yml"
        config.write_text(CONFIG.format(rules=json.dumps(str(rules)), target=target))
        command = [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address={address}",
        ]
        with (tmp_path / "log").open("w") as log:
            running.append(subprocess.Popen(command, stdout=log, stderr=log))
        return f"http://{address}/api/v1/query?"

    yield start
    for process in running:
        process.terminate()
        process.wait(DEADLINE)


@pytest.fixture
def ask(get):
    """Ask a server for an instant vector: labels -> value."""

    def query(api, expression):
        answer = json.loads(get(api + urlencode({"query": expression})))
        assert answer["status"] == "success"
        return [(found["metric"], float(found["value"][1])) for found in answer["data"]["result"]]

    return query


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


def test_a_real_server_sees_what_the_workers_did(followed, server, ask, monkeypatch, sized):
    scrapes = Scrapes()
    followed.metrics.register(scrapes)
    monkeypatch.setenv("SMOOTHOP_PROMETHEUS_LISTEN", "127.0.0.1:0")
    operator = followed.operator()
    add_workers(operator)
    api = server(urlsplit(followed.url()).netloc)
    scrapes.wait_for_more(1)
    last = scrapes.number + sized(ci=4, soak=60)
    sent = 0
    while scrapes.number < last:
        assert operator.dispatch("echo", sent).result(DEADLINE) == sent
        sent += 1
        if sent % 500 == 0:
            operator.update_config("echo", mailbox_size=sent).result(DEADLINE)
    for name in ("poller", "panics", "echo"):
        operator.stop(name).result(DEADLINE)
    followed.wait_until_told(operator)
    scrapes.wait_for_more(2)

    def only(expression):
        ((_, value),) = ask(api, expression)
        return value

    # What the server has is exactly what happened.
    assert only('smoothop_dispatch_total{worker="echo", result="accepted"}') == sent
    assert only('smoothop_mailbox_wait_seconds_count{worker="echo"}') == sent
    assert only('smoothop_worker_restarts_total{worker="echo"}') == sent // 500 > 0
    for name in ("panics", "fails"):
        panics = operator.worker(name).snapshot().panics
        assert only(f'smoothop_panics_total{{worker="{name}"}}') == panics > 0
    handled = operator.worker("poller").snapshot().handled
    assert only('sum(smoothop_handle_duration_seconds_count{worker="poller"})') == handled
    assert only("smoothop_events_dropped_total") == 0
    states = ask(api, "smoothop_worker_state == 1")
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
    assert dict(((labels["worker"], value > 0) for labels, value in ask(api, p95)))["echo"]
    firing = {(labels["alertname"], labels["worker"]) for labels, _ in ask(api, "ALERTS")}
    assert ("SmoothopWorkerFailed", "fails") in firing
    assert ("SmoothopWorkerPanicking", "panics") in firing
