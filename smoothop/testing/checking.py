"""`check_plugin`: hold an installed package to what smoothop asks of a plugin."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from smoothop.plugins.discovery import HANDLERS, Published, canonical, find_published
from smoothop.plugins.wording import one_line
from smoothop.testing.job import Job
from smoothop.testing.report import Finding, Report

MOST_IMPORT_TIME: Final = 0.2
"""Seconds that importing a plugin may take without a remark."""

IMPORTS: Final = 5
"""Times that a plugin is imported, at most, until one import takes no longer than that."""

_IMPORT_TIME: Final = """
import sys, time, smoothop
from importlib import import_module
begun = time.perf_counter()
import_module(sys.argv[1])
sys.stderr.write("\\n%f" % (time.perf_counter() - begun))
"""

logger = logging.getLogger("smoothop.testing")


def check_plugin(
    distribution: str,
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    messages: Mapping[str, Iterable[Any]] | None = None,
    workers: Iterable[str] = (),
    timeout: float = 60,
) -> Report:
    """Check everything that an installed distribution publishes for smoothop.

    Each entry point is imported, and each handler run, in processes of their own, so the plugin
    cannot disturb the caller. Looked at are: that the entry points resolve; how long the import
    takes and what it does to the process; that settings can be made and are described; what
    `handle` returns; that it goes on after a panic in `setup` and `handle`; that it stops within
    its `Config.stop_grace`, leaves no thread and no open file, and can be started again. Of hook
    plugins: the names and signatures of the hooks.

    Every finding is also logged, so a failing ``assert not check_plugin("acme-inbox").errors``
    shows them all.

    Args:
        distribution: its name, as pip knows it.
        settings: handler's name -> settings to run it with, plain data.
        messages: handler's name -> messages to send it, plain data. Without any it is sent a text
            it cannot know, and what it then raises is not remarked.
        workers: the names of workers to have beside it, which answer every message with `done`.
        timeout: seconds that each of the processes may take.
    """
    wanted = canonical(distribution)
    published = [one for one in find_published() if canonical(one.distribution) == wanted]
    found = [] if published else [_nothing(distribution)]
    with TemporaryDirectory(prefix="smoothop-check-") as directory:
        check = _Check(Path(directory), timeout)
        for one in published:
            found += check.findings(
                one,
                settings=_plain((settings or {}).get(one.name)),
                messages=list((messages or {}).get(one.name, ())),
                workers=list(workers),
            )
    found.sort(key=lambda finding: finding.severity != "error")
    for finding in found:
        level = logging.ERROR if finding.severity == "error" else logging.WARNING
        logger.log(level, "%s", finding)
    return Report(distribution, tuple(map(_label, published)), tuple(found))


class _Check:
    """Starts the processes that look at entry points."""

    def __init__(self, directory: Path, timeout: float) -> None:
        self._directory = directory
        self._timeout = timeout

    def findings(self, one: Published, **how: Any) -> Iterator[Finding]:
        """Yield what is not right with one entry point."""
        if one.error is not None:
            yield _malformed(one, one.error)
            return
        for look in ("import", "run"):
            found = list(self._probed(one, look, **how))
            yield from found
            if any(finding.what.startswith(("it cannot be used", "it ended")) for finding in found):
                return
        yield from self._slow_import(one)

    def _probed(self, one: Published, look: str, **how: Any) -> Iterator[Finding]:
        place = self._directory / f"{one.group}-{one.name}-{look}"
        place.mkdir()
        report = place.parent / f"{place.name}.json"
        job = Job(
            look=look,
            group=one.group,
            name=one.name,
            target=one.target,
            distribution=one.distribution,
            label=_label(one),
            report=str(report),
            **how,
        )
        command = ["-m", "smoothop.testing.probe"]
        try:
            ended = self._python(command, place, json.dumps(asdict(job)))
        except subprocess.TimeoutExpired:
            yield _hung(one, look, self._timeout)
            return
        if not report.exists():
            yield _died(one, look, ended)
            return
        if look == "import" and ended.stdout:
            yield _prints(one, ended.stdout)
        for found in json.loads(report.read_text()):
            yield Finding(**found)

    def _slow_import(self, one: Published) -> Iterator[Finding]:
        best, module = inf, one.target.partition(":")[0]
        for _ in range(IMPORTS):  # whatever else the machine does only makes it longer
            ended = self._python(["-c", _IMPORT_TIME, module], self._directory, "")
            if ended.returncode:  # whatever is wrong with it was found before
                return
            best = min(best, float(ended.stderr.rpartition("\n")[2]))
            if best <= MOST_IMPORT_TIME:
                return
        yield Finding(
            "remark",
            _label(one),
            f"its import takes {best * 1000:.0f} ms",
            f"More than {MOST_IMPORT_TIME * 1000:.0f} ms are felt at each start",
            f"See where they go with python -X importtime -c 'import {module}', and import "
            "what is heavy where it is used",
        )

    def _python(
        self, command: list[str], place: Path, stdin: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own interpreter, and a module of ours
            [sys.executable, "-P", *command],
            cwd=place,
            env=_environment(),
            input=stdin,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=self._timeout,
            check=False,
        )


def _environment() -> dict[str, str]:
    """Return our environment, so that a child finds the modules we find, and nothing is off."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("SMOOTHOP_")}
    places = [str(Path(place).absolute()) for place in sys.path if place]
    return ours | {"PYTHONPATH": os.pathsep.join(places)}


def _plain(settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return settings as they stand in a file: paths, too, are texts there."""
    if settings is None:
        return None
    plain: dict[str, Any] = json.loads(json.dumps(dict(settings), default=str))
    return plain


def _label(one: Published) -> str:
    kind = "handler" if one.group == HANDLERS else "plugin"
    return f"{kind} {one.name!r} of {one.distribution} {one.version}".rstrip()


def _nothing(distribution: str) -> Finding:
    return Finding(
        "error",
        distribution,
        f"it publishes nothing for smoothop, or is not installed in {sys.prefix}",
        "smoothop finds plugins by entry points alone",
        "Install it, with an entry point in smoothoperator.handlers or smoothoperator.plugins",
    )


def _malformed(one: Published, error: str) -> Finding:
    return Finding(
        "error",
        _label(one),
        f"its entry point is malformed: {error}",
        "smoothop lists it as broken",
        "Correct it in pyproject.toml and install the package again",
    )


def _prints(one: Published, text: str) -> Finding:
    return Finding(
        "error",
        _label(one),
        f"its import prints to standard output: {one_line(text)}",
        "Programs read what smoothop prints there",
        "Log it, where it happens",
    )


def _hung(one: Published, look: str, timeout: float) -> Finding:
    return Finding(
        "error",
        _label(one),
        f"it ended neither its {look} nor the process within {timeout:g} s",
        "It holds up everything else in the process",
        "Give timeouts to calls, and do nothing at import",
    )


def _died(one: Published, look: str, ended: subprocess.CompletedProcess[str]) -> Finding:
    lines = ended.stderr.strip().splitlines()[-3:]
    return Finding(
        "error",
        _label(one),
        f"it ended the process at its {look}, with exit code {ended.returncode}: "
        + one_line(" / ".join(lines)),
        "Every other worker in the process ends with it",
        "Find out what ends the process: os._exit, a crash in C code, or a signal",
    )
