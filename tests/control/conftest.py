"""An operator with a control server, and a client that knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from smoothop import Config, Operator, done, none
from smoothop.control import Client, ControlServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Running:
    """What a test holds of a running operator."""

    operator: Operator
    server: ControlServer
    client: Client


@pytest.fixture(autouse=True)
def _own_places(run_directory: Path) -> None:
    """Let no test see the operators of another."""


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    """Start an operator with two workers and a control server, as often as it is called."""
    begun: list[Running] = []

    def start(name: str = "test", **options: Any) -> Running:
        operator = Operator()
        operator.add_handler("idler", lambda ctx: none(3600))
        operator.add_handler("echo", lambda ctx: done(ctx.message), Config(message_only=True))
        operator.start_all()
        server = ControlServer(operator, name=name, **options)
        begun.append(Running(operator, server, Client(name)))
        server.start()
        return begun[-1]

    yield start
    for one in begun:
        one.operator.close()
        one.server.close()
