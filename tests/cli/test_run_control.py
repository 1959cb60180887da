"""The control server of `smoothop run`: its flags, and what happens when it cannot start."""

import json
import os
import signal

import pytest

from smoothop.control import Client, OperatorNotRunningError


@pytest.fixture(autouse=True)
def _own_places(run_directory):
    """Let no test see the operators of another."""


def test_second_operator_of_a_name_ends_with_1_before_it_starts_anything(acme, tmp_path):
    with acme.on_pipe("run", "ticker", cwd=tmp_path) as first:
        first.read_until("starting worker")
        second = acme.smoothop("run", "ticker", cwd=tmp_path, variables=dict(os.environ))
        assert second.returncode == 1
        assert f"an operator 'default' runs already (process {first.process.pid}, since" in (
            second.stderr
        )
        assert "starting worker" not in second.stderr
        with acme.on_pipe("run", "ticker", "--no-control", cwd=tmp_path) as third:
            third.read_until("starting worker")
            assert Client().operator().pid == first.process.pid
        first.send(signal.SIGKILL)
        first.wait()
    with acme.on_pipe("run", "ticker", cwd=tmp_path) as next_one:
        next_one.read_until("starting worker")
        assert Client().operator().pid == next_one.process.pid


def test_operator_answers_while_it_drains_and_nobody_does_afterwards(acme, tmp_path):
    with acme.on_pipe("run", "stubborn", "--grace", "1", cwd=tmp_path) as child:
        child.read_until("taking the lock twice")
        client = Client()
        assert client.operator().state == "running"
        child.send(signal.SIGTERM)
        child.read_until("stopping worker")
        assert client.operator().state == "stopping"
        assert client.worker("stubborn").snapshot.status == "running"
        assert child.wait() == 6
    with pytest.raises(OperatorNotRunningError):
        client.operator()


def test_worker_tells_where_its_config_and_its_handler_come_from(acme, tmp_path):
    (tmp_path / "smoothop.toml").write_text(
        '[workers.talker]\nstop_grace = 3\n[workers.talker.settings]\ntext = "hello"\n'
    )
    with acme.on_pipe("run", "--all", cwd=tmp_path) as child:
        child.read_until("starting worker")
        details = Client().worker("talker")
    origins = details.config_origins
    assert origins["stop_grace"] == "smoothop.toml [workers.talker]"
    assert (origins["critical"], origins["concurrency"]) == ("handler", "default")
    assert details.handler == {
        "name": "talker",
        "target": "acme_workers:Talker",
        "distribution": "acme-workers",
        "version": "1.2",
    }


def test_port_0_is_told_as_what_it_became(acme, tmp_path):
    with acme.on_pipe("run", "ticker", "--http", "127.0.0.1:0", cwd=tmp_path) as child:
        child.read_until("starting worker")
        url = child.text.partition("control listens on ")[2].split()[0]
        assert Client(url=url).operator().pid == child.process.pid


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--http", "0.0.0.0:80"), "--http: http: 0.0.0.0 can be reached from elsewhere"),
        (("--http", "nowhere"), "--http: HOST:PORT, such as 127.0.0.1:8080"),
        (("--http", "127.0.0.1:0", "--no-control"), "there is no control server to listen there"),
    ],
)
def test_flags_that_do_not_go_together_are_wrong_usage(acme, tmp_path, flags, why):
    ended = acme.smoothop("run", "ticker", *flags, cwd=tmp_path)
    assert ended.returncode == 2
    assert why in ended.stderr


def test_control_is_part_of_the_configuration_with_origins(acme, tmp_path):
    (tmp_path / "smoothop.toml").write_text('[control]\nread_only = true\nhttp = "[::1]:80"\n')
    variables = {"SMOOTHOP_CONTROL": "false", "SMOOTHOP_READ_ONLY": "0"}
    ended = acme.smoothop(
        "config", "--json", "--show-origin", cwd=tmp_path, variables={**os.environ, **variables}
    )
    control = json.loads(ended.stdout)["control"]
    assert control["read_only"] == {"value": False, "origin": "SMOOTHOP_READ_ONLY"}
    assert control["http"] == {"value": "[::1]:80", "origin": "smoothop.toml [control]"}
    assert control["enabled"] == {"value": False, "origin": "SMOOTHOP_CONTROL"}
    assert control["show_payloads"] == {"value": False, "origin": "default"}
    assert ended.returncode == 2  # http without a server
