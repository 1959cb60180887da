"""Workers in child processes that do what their messages say."""

import socket

import pytest
from support.gates import DEADLINE
from support.obedient import Obedient

from smoothop import Config, Operator


@pytest.fixture
def op():
    with Operator() as operator:
        yield operator


@pytest.fixture
def add(op):
    """Add a worker in a child process, and start it."""

    def add(name="w", *, notes=None, poison=None, start=True, **config):
        fields = {"run_in": "process", "message_only": True, "panic_backoff": 0.001, **config}
        worker = op.add_handler(name, Obedient(notes, poison), Config(**fields))
        if start:
            op.start(name)
        return worker

    return add


@pytest.fixture
def ask(op):
    """Send a message and return what came of it."""

    def ask(*message, worker="w"):
        return op.dispatch(worker, message).result(DEADLINE)

    return ask


@pytest.fixture
def ends():
    """Both ends of what a parent and its child talk by."""
    one, other = socket.socketpair()
    yield one, other
    one.close()
    other.close()
