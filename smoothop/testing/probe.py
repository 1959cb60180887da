"""Looks at one entry point, in a process of its own; started by `check_plugin`.

The job comes as JSON on standard input; the findings go, as JSON, to the file it names: standard
output is the plugin's own.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import sys
from dataclasses import asdict, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from smoothop.errors import PluginError
from smoothop.plugins.discovery import HANDLERS
from smoothop.plugins.loading import located
from smoothop.plugins.registry import Registry
from smoothop.testing.behaviour import behaviour_of
from smoothop.testing.effects import effects_of
from smoothop.testing.job import Job
from smoothop.testing.report import Finding


def findings_of(job: Job) -> list[Finding]:
    """Look, and return what is not right."""
    if job.look == "import":
        return effects_of(lambda: _imported(job), job.label)
    registry = Registry.discover(environ={})
    if job.group != HANDLERS:
        return _hook_plugin(registry, job)
    return _handler(registry, job)


def _imported(job: Job) -> None:
    try:
        import_module(job.target.partition(":")[0])
    except BaseException as error:  # noqa: BLE001 - told by the second look, in full
        logging.getLogger(__name__).debug("%s", located(error))


def _handler(registry: Registry, job: Job) -> list[Finding]:
    reference = f"{job.name}@{job.distribution}"
    try:
        settings_type = registry.settings_type(reference)
        found = [] if settings_type is None else _undocumented(settings_type, job.label)
        problems = registry.check_settings(reference, job.settings)
        if problems:
            return [*found, _wrong_settings(job, problems)]
        handler = registry.create(reference, job.settings)
    except PluginError as error:
        cause = error.__cause__
        return [_broken(job, located(cause) if cause else str(error))]
    return found + behaviour_of(handler, job.name, job.label, job.messages, job.workers)


def _hook_plugin(registry: Registry, job: Job) -> list[Finding]:
    registry.load_plugins()
    mine = (job.name, job.distribution)
    info = next(one for one in registry.plugins if (one.name, one.distribution) == mine)
    if info.state != "ok":
        return [_broken(job, info.error or info.state)]
    if not info.hooks:
        return [_broken(job, "it implements no hook: mark its functions with @smoothop.hookimpl")]
    return []


def _broken(job: Job, what: str) -> Finding:
    return Finding(
        "error",
        job.label,
        f"it cannot be used: {what}",
        "smoothop leaves it out and reports it",
        "Correct the line or the entry point",
    )


def _wrong_settings(job: Job, problems: list[str]) -> Finding:
    given = job.settings is not None
    return Finding(
        "error" if given else "remark",
        job.label,
        f"it was not run, its settings {'are wrong' if given else 'need values'}: "
        + "; ".join(problems),
        "Nobody knows how it behaves",
        f'Give settings with which it can run: check_plugin(..., settings={{"{job.name}": ...}})',
    )


def _undocumented(settings: type, label: str) -> list[Finding]:
    text = inspect.getdoc(settings) or ""
    if text.startswith(f"{settings.__name__}("):  # what dataclass writes where there is nothing
        text = ""
    names = _names(settings)
    missing = [name for name in names if name not in text and not _description(settings, name)]
    if not missing:
        return []
    return [
        Finding(
            "remark",
            label,
            f"nothing says what these settings mean: {', '.join(missing)} of {settings.__name__}",
            "'smoothop inspect' and the editor show the docstring to who writes the file",
            "Describe each in the docstring of the class",
        )
    ]


def _names(settings: Any) -> list[str]:
    known = getattr(settings, "model_fields", None)
    return list(known) if known is not None else [one.name for one in fields(settings) if one.init]


def _description(settings: Any, name: str) -> str | None:
    field = getattr(settings, "model_fields", {}).get(name)
    return getattr(field, "description", None)


def main() -> None:
    """Do the job and end, whatever the plugin has left running."""
    logging.getLogger("smoothop").addHandler(logging.NullHandler())
    logging.getLogger("smoothop").propagate = False
    job = Job(**json.load(sys.stdin))
    report = Path(job.report)
    report.write_text(json.dumps([asdict(finding) for finding in findings_of(job)]))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
