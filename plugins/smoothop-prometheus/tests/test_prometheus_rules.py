"""Alert rules, dashboard, exposition and README agree; promtool is content with them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from smoothop_prometheus.metrics import FAMILIES

from smoothop import Config, Phase, done, fail

DEADLINE = 30
HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text()
PACKAGE = files("smoothop_prometheus")
ALERTS = (PACKAGE / "alerts.yml").read_text()
DASHBOARD = json.loads((PACKAGE / "dashboard.json").read_text())
SCRAPED = {
    name
    for family in FAMILIES
    for name in (
        [f"{family.name}{suffix}" for suffix in ("_bucket", "_sum", "_count")]
        if family.kind == "histogram"
        else [family.name]
    )
}


def promtool(*arguments, text=None):
    """Run promtool; what it prints is the message when it is not content."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    ended = subprocess.run(
        [program, *map(str, arguments)],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def expressions():
    """Return every query of the dashboard, its variables filled in."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "5m")
            yield re.sub(r"\$(job|instance|worker)\b", ".*", expression)


def busy(followed, operator):
    """Let every metric have a value."""
    operator.add_handler(
        "worker",
        lambda ctx: fail("no") if ctx.message == "fail" else done(),
        Config(message_only=True),
    )
    operator.start_all()
    operator.dispatch("worker", "done").result(DEADLINE)
    operator.dispatch("worker", "fail").wait_delivered(DEADLINE)
    followed.wait_until_told(operator)


def test_promtool_finds_nothing_to_say_about_the_exposition(followed, operator):
    busy(followed, operator)
    assert promtool("check", "metrics", text=generate_latest(followed.metrics).decode()) == ""


def test_the_exposition_is_valid_openmetrics_too(followed, operator):
    busy(followed, operator)
    text = generate_openmetrics(followed.metrics, version="1.0.0").decode()
    families = {family.name: family.type for family in text_string_to_metric_families(text)}

    assert families == {family.described().name: family.kind for family in FAMILIES}


def test_the_names_and_labels_are_those_that_are_described(followed, operator):
    busy(followed, operator)
    samples = [sample for metric in followed.metrics.collect() for sample in metric.samples]
    seen = {sample.name: set(sample.labels) - {"le"} for sample in samples}
    described = {
        name: set(family.labels)
        for family in FAMILIES
        for name in SCRAPED
        if name == family.name or re.fullmatch(f"{family.name}_(bucket|sum|count)", name)
    }

    assert described.pop("smoothop_plugin_errors_total") == {"plugin", "hook"}  # nothing failed
    assert seen == described


def test_promtool_accepts_the_alert_rules():
    assert "SUCCESS" in promtool("check", "rules", PACKAGE / "alerts.yml")


def test_each_alert_fires_when_it_should_and_only_then(tmp_path):
    (tmp_path / "alerts.yml").write_text(ALERTS)
    shutil.copy(HERE / "alerts_test.yml", tmp_path)

    assert "SUCCESS" in promtool("test", "rules", tmp_path / "alerts_test.yml")


def test_each_alert_has_a_test_of_its_firing():
    tested = (HERE / "alerts_test.yml").read_text()
    for alert in re.findall(r"- alert: (\w+)", ALERTS):
        assert re.search(
            rf'labels: \'ALERTS{{alertname="{alert}"|alertname: {alert}$', tested, re.M
        )


def test_promtool_accepts_every_query_of_the_dashboard(tmp_path):
    rules = [{"record": f"query_{n}", "expr": query} for n, query in enumerate(expressions())]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


@pytest.mark.parametrize("what", ["alerts", "dashboard"])
def test_alerts_and_dashboard_name_only_metrics_that_there_are(what):
    text = ALERTS if what == "alerts" else json.dumps(DASHBOARD)
    named = set(re.findall(r"smoothop_\w+(?=[{\[ ),/>-])", text))

    assert named
    assert named <= SCRAPED


def test_the_dashboard_shows_every_metric():
    named = set(re.findall(r"smoothop_\w+", " ".join(expressions())))
    for family in FAMILIES:
        assert any(name.startswith(family.name) for name in named), family.name


def test_the_panels_of_the_dashboard_do_not_overlap():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_readme_describes_each_metric_with_its_type_and_labels():
    rows = dict(re.findall(r"^\| `(smoothop_\w+)` \| (.*) \|$", README, re.MULTILINE))

    assert rows.keys() == {family.name for family in FAMILIES}
    for family in FAMILIES:
        kind, labels, meaning = rows[family.name].split(" | ")
        assert kind == ("gauge" if family.kind == "info" else family.kind)
        assert re.findall(r"`(\w+)`", labels) == list(family.labels)
        assert meaning


def test_the_readme_says_how_many_series_a_worker_has(followed, operator):
    busy(followed, operator)
    text = generate_latest(followed.metrics).decode()
    series = [line for line in text.splitlines() if 'worker="worker"' in line]

    assert f"A worker has {len(series)} series" in README


def test_the_readme_describes_each_alert():
    rows = re.findall(r"^\| `(Smoothop\w+)` \|", README, re.MULTILINE)

    assert rows == re.findall(r"- alert: (\w+)", ALERTS)


def test_the_readme_names_each_state_and_each_variable():
    for word in [*Phase, "SMOOTHOP_PROMETHEUS_LISTEN", "SMOOTHOP_PROMETHEUS_MAX_WORKERS"]:
        assert f"`{word}`" in README
