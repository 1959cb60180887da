"""An operator with a control server, and a client that knows it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smoothop import Config, Operator, done, none
from smoothop.control import Client, ControlServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Running:
    """What a test holds of a running operator."""

    operator: Operator
    server: ControlServer
    client: Client


@pytest.fixture(autouse=True)
def run_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a directory of its own for sockets; pytest's own have too long names."""
    directory = Path(tempfile.mkdtemp(prefix="smoothop-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    monkeypatch.setenv("HOME", str(directory / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    yield directory
    shutil.rmtree(directory)


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
