"""`smoothop systemd-unit`: what it prints, and what systemd itself thinks of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from smoothop.cli.unit import ServiceUnit, quoted

HIGHEST_EXPOSURE = 2.5
"""On systemd's own scale from 0 to 10, where below 5 is called OK."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze (Debian: systemd) is missing"
)


def systemd_analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def unit(acme, tmp_path_factory):
    """A unit for a directory with an awkward name, as a file of systemd's."""
    directory = tmp_path_factory.mktemp("100% odd $HOME")
    ended = acme.smoothop(
        "systemd-unit", "ticker", "--user", "daemon", "--name", "a", cwd=directory
    )
    assert ended.returncode == 0, ended.stderr
    path = tmp_path_factory.mktemp("units") / "smoothop-a.service"
    path.write_text(ended.stdout)
    return path


def test_the_unit_says_the_present_arguments_directory_and_limits(acme, tmp_path, write):
    write("[operator]\nname = 'nights'\ngrace = '1m'\n")
    text = acme.smoothop("systemd-unit", "--all", "--log-format", "json", cwd=tmp_path).stdout
    assert "Description=smoothop operator nights\n" in text
    assert " run --all --log-format json\n" in text
    assert f"WorkingDirectory={tmp_path}\n" in text
    assert "Type=notify\n" in text
    assert "TimeoutStopSec=65\n" in text
    assert "RuntimeDirectory=smoothop-nights\n" in text
    assert text.endswith("[Install]\nWantedBy=multi-user.target\n")


@pytest.mark.parametrize(
    ("grace", "limit"), [(0.25, "5.25"), (3600 * 3000, "10800005"), (1e300, "infinity")]
)
def test_the_limit_of_a_stop_is_written_as_systemd_reads_it(grace, limit):
    unit = ServiceUnit("a", ("/bin/smoothop",), Path("/"), "daemon", grace)
    assert f"TimeoutStopSec={limit}\n" in unit.text()


def test_wrong_arguments_are_told_as_run_tells_them(acme, tmp_path, write):
    unknown = acme.smoothop("systemd-unit", "--al", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "No such option: --al" in unknown.stderr
    both = acme.smoothop("systemd-unit", "ticker", "--all", cwd=tmp_path)
    assert both.returncode == 2
    assert "give names or --all" in both.stderr
    write("[operator]\ngrace = 'soon'\n")
    soon = acme.smoothop("systemd-unit", "--all", cwd=tmp_path)
    assert soon.returncode == 2
    assert "smoothop.toml [operator] grace: a duration looks like" in soon.stderr
    assert [ended.stdout for ended in (unknown, both, soon)] == ["", "", ""]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tikcer",), "no worker or handler 'tikcer'; did you mean 'ticker'?"),
        (("--all", "--http", "0.0.0.0:8080"), "http: 0.0.0.0 can be reached from elsewhere"),
        (("--all", "--log-level", "loud"), "--log-level: one of "),
        (("--all", "--http", "127.0.0.1:1", "--no-control"), "there is no control server"),
    ],
)
def test_what_run_would_refuse_is_refused_at_once(acme, tmp_path, arguments, said):
    told = [acme.smoothop(name, *arguments, cwd=tmp_path) for name in ("systemd-unit", "run")]
    assert [(ended.returncode, ended.stdout) for ended in told] == [(2, ""), (2, "")]
    assert [said in ended.stderr for ended in told] == [True, True], told[0].stderr


@needs_systemd
def test_systemd_finds_nothing_wrong_with_it(unit):
    verified = systemd_analyze("verify", str(unit))
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_systemd_calls_it_hardened(unit):
    limit = f"--threshold={HIGHEST_EXPOSURE * 10:.0f}"
    judged = systemd_analyze("security", "--offline=yes", "--no-pager", limit, str(unit))
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain-1.toml", "plain-1.toml"),
        ("", '""'),
        ("a b", '"a b"'),
        ('say "x"\\', r'"say \"x\"\\"'),
        ("100%", "100%%"),
        ("$HOME", "$$HOME"),
        ("a\nb", r'"a\nb"'),
        ("#", '"#"'),
    ],
)
def test_a_word_stays_one_word(word, expected):
    assert quoted(word) == expected
