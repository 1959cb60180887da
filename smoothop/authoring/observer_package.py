"""The files of a package with a hook plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.authoring.common import pyproject

if TYPE_CHECKING:
    from smoothop.authoring.naming import PackageName


def files(name: PackageName) -> dict[str, str]:
    """Return the text of each file, by its path."""
    entry_point = f"""\
[project.entry-points."smoothoperator.plugins"]
{name.distribution} = "{name.module}"
"""
    return {
        "pyproject.toml": pyproject(name, "An observer for smoothop", entry_point),
        "README.md": _readme(name),
        f"{name.module}/__init__.py": _module(name),
        f"tests/test_{name.module}.py": _tests(name),
    }


def _module(name: PackageName) -> str:
    return f'''\
"""An observer for smoothop: logs each panic, and each worker that gives up.

The hooks there are, and when they are called, are in `smoothop.hookspecs`. A hook takes only
those arguments that it needs.
"""

from __future__ import annotations

import logging

from smoothop import LifecycleEvent, PanicEvent, Worker, hookimpl

logger = logging.getLogger("{name.module}")


@hookimpl
def smoothop_panic(worker: Worker, event: PanicEvent) -> None:
    """An exception has left a handler."""
    logger.warning("%s has panicked, attempt %d: %s", worker.name, event.attempt, event.error)


@hookimpl
def smoothop_lifecycle(worker: Worker, event: LifecycleEvent) -> None:
    """A worker has started or stopped."""
    if event.reason == "panic limit":
        logger.error("%s has given up", worker.name)
'''


def _tests(name: PackageName) -> str:
    return f'''\
import pytest
from smoothop import Config, Context, HandleResult, LifecycleEvent, PanicEvent, Registry
from smoothop.testing import RecordedEvents, VirtualOperator, check_plugin, registry_of

import {name.module}


def shaky(ctx: Context) -> HandleResult:
    raise OSError("the disk is not there")


@pytest.fixture
def registry() -> Registry:
    return registry_of({{}}, plugins=[{name.module}])


def test_a_panic_is_logged(
    registry: Registry,
    smoothop_operator: VirtualOperator,
    smoothop_events: RecordedEvents,
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = smoothop_operator.add_handler("shaky", shaky)
    smoothop_operator.start_all()
    event = smoothop_events.wait(PanicEvent)
    registry.call_hook("smoothop_panic", worker=worker, event=event, exception=OSError())
    assert "shaky has panicked, attempt 1: OSError: the disk is not there" in caplog.text


def test_a_worker_that_gives_up_is_logged(
    registry: Registry,
    smoothop_operator: VirtualOperator,
    smoothop_events: RecordedEvents,
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = smoothop_operator.add_handler("shaky", shaky, Config(max_panic_attempts=3))
    smoothop_operator.start_all()
    event = smoothop_events.wait(LifecycleEvent, where=lambda event: event.event == "stopped")
    registry.call_hook("smoothop_lifecycle", worker=worker, event=event)
    assert "shaky has given up" in caplog.text


def test_the_installed_package_keeps_the_contract() -> None:
    assert not check_plugin("{name.distribution}").errors
'''


def _readme(name: PackageName) -> str:
    return f"""\
# {name.distribution}

An observer for [smoothop](https://pypi.org/project/smoothop/): logs each panic, and each worker
that gives up.

```console
$ pip install {name.distribution}
```

That is all: smoothop finds it. Switch it off with `SMOOTHOP_DISABLE_PLUGINS={name.distribution}`.

To work on it: `pip install -e . pytest`, then `pytest`, or `tox` for everything.
"""
