"""The files of a package with a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.authoring.common import pyproject

if TYPE_CHECKING:
    from smoothop.authoring.naming import PackageName


def files(name: PackageName) -> dict[str, str]:
    """Return the text of each file, by its path."""
    entry_point = f"""\
[project.entry-points."smoothoperator.handlers"]
{name.distribution} = "{name.module}:{name.type_name}"
"""
    return {
        "pyproject.toml": pyproject(name, "A handler for smoothop", entry_point),
        "README.md": _readme(name),
        f"{name.module}/__init__.py": _module(name),
        f"tests/test_{name.module}.py": _tests(name),
    }


def _module(name: PackageName) -> str:
    return f'''\
"""A handler for smoothop: answers each message with a greeting."""

from __future__ import annotations

from dataclasses import dataclass

from smoothop import Context, HandleResult, Seconds, done, none


@dataclass(frozen=True)
class {name.type_name}Settings:
    """What can be set under ``[workers.{name.distribution}.settings]``.

    Attributes:
        greeting: what each answer begins with.
        idle: seconds between two calls while no message comes.
    """

    greeting: str = "Hello"
    idle: Seconds = 5.0


class {name.type_name}:
    """Answer each message. Put your own unit of work in its place."""

    Settings = {name.type_name}Settings

    def __init__(self, settings: {name.type_name}Settings) -> None:
        self._settings = settings

    def handle(self, ctx: Context) -> HandleResult:
        """Do one unit of work; the worker calls it again and again."""
        if ctx.message is None:
            return none(idle=self._settings.idle)
        answer = f"{{self._settings.greeting}}, {{ctx.message}}!"
        ctx.logger.info("answered %s", ctx.message)
        return done(answer)
'''


def _tests(name: PackageName) -> str:
    return f'''\
from smoothop import HandleEvent, done
from smoothop.testing import RecordedEvents, VirtualOperator, check_plugin, handle_once

from {name.module} import {name.type_name}, {name.type_name}Settings

HOUR = 3600
SETTINGS = {name.type_name}Settings(greeting="Good morning", idle=HOUR)


def test_a_message_is_answered() -> None:
    outcome = handle_once({name.type_name}, "Ada", settings=SETTINGS)
    assert outcome.result == done("Good morning, Ada!")


def test_without_a_message_it_idles() -> None:
    assert handle_once({name.type_name}, settings=SETTINGS).sleeps == HOUR


def test_it_is_called_once_an_hour(
    smoothop_operator: VirtualOperator, smoothop_events: RecordedEvents
) -> None:
    smoothop_operator.add_handler("{name.distribution}", {name.type_name}(SETTINGS))
    smoothop_operator.start_all()
    smoothop_operator.advance(24 * HOUR)  # virtual time: this takes a few milliseconds
    assert len(smoothop_events.of(HandleEvent)) == 25


def test_the_installed_package_keeps_the_contract() -> None:
    assert not check_plugin("{name.distribution}").errors
'''


def _readme(name: PackageName) -> str:
    return f"""\
# {name.distribution}

A handler for smoothop: answers each message with a greeting.

```console
$ pip install {name.distribution}
$ smoothop run {name.distribution}
```

It can be set in `smoothop.toml`:

```toml
[workers.{name.distribution}.settings]
greeting = "Good morning"
idle = "10s"
```

To work on it: `pip install -e . pytest`, then `pytest`, or `tox` for everything.
"""
