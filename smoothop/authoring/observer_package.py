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
from smoothop import Config, Context, HandleResult
from smoothop.testing import VirtualOperator, check_plugin, registry_of

import {name.module}


class Shaky:
    """Panics whenever it is called."""

    config = Config(max_panic_attempts=3)

    def handle(self, ctx: Context) -> HandleResult:
        raise OSError("the disk is not there")


def test_panics_and_giving_up_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    registry = registry_of({{"shaky": Shaky}}, plugins=[{name.module}])
    with VirtualOperator.from_registry(registry) as operator:
        operator.start_all()
        operator.advance(60)
    told = [record.getMessage() for record in caplog.records if record.name == "{name.module}"]
    assert told == [
        "shaky has panicked, attempt 1: OSError: the disk is not there",
        "shaky has panicked, attempt 2: OSError: the disk is not there",
        "shaky has panicked, attempt 3: OSError: the disk is not there",
        "shaky has given up",
    ]


def test_the_installed_package_keeps_the_contract() -> None:
    assert not check_plugin("{name.distribution}").errors
'''


def _readme(name: PackageName) -> str:
    return f"""\
# {name.distribution}

An observer for smoothop: logs each panic, and each worker
that gives up.

```console
$ pip install {name.distribution}
```

That is all: smoothop finds it. Switch it off with `SMOOTHOP_DISABLE_PLUGINS={name.distribution}`.

To work on it: `pip install -e . pytest`, then `pytest`, or `tox` for everything.
"""
