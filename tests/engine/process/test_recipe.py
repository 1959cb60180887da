"""Which handlers can live in a child process; asked when the worker is added."""

import subprocess
import sys
import threading

import pytest
from support.obedient import Obedient, ObedientAsync, obey

from smoothop import Config, ConfigError, InvalidHandlerError, Operator, done

IN_A_PROCESS = Config(run_in="process")


@pytest.fixture
def op():
    with Operator() as operator:
        yield operator


def refused(op, handler):
    with pytest.raises(InvalidHandlerError) as caught:
        op.add_handler("w", handler, IN_A_PROCESS)
    assert isinstance(caught.value, ConfigError)
    assert op.workers() == []
    return str(caught.value)


def test_instances_of_importable_classes_and_functions_can(op):
    op.add_handler("object", Obedient(), IN_A_PROCESS)
    op.add_handler("function", obey, IN_A_PROCESS)
    op.add_handler("method", Obedient().handle, IN_A_PROCESS)


def test_one_with_an_attribute_that_cannot_be_pickled_is_refused_by_the_attributes_name(op):
    handler = Obedient()
    handler.lock = threading.Lock()
    assert refused(op, handler) == (
        "handler support.obedient:Obedient cannot run in a process: its attribute 'lock' cannot be "
        "pickled (TypeError: cannot pickle '_thread.lock' object)"
    )


def test_a_closure_a_lambda_and_a_local_class_are_refused(op):
    def closure(ctx):
        return done()

    class Local:
        def handle(self, ctx):
            return done()

    for handler in (closure, lambda ctx: done(), Local()):
        assert "cannot run in a process: it cannot be pickled" in refused(op, handler)


@pytest.mark.parametrize("make", [ObedientAsync, lambda: ObedientAsync().handle])
def test_an_async_handler_is_refused_and_told_what_to_do(op, make):
    assert "it is async, and run_in is for sync handlers; leave run_in out" in refused(op, make())


def test_a_change_of_the_config_is_refused_as_well_and_nothing_is_changed(op):
    worker = op.add_handler("w", lambda ctx: done())
    with pytest.raises(InvalidHandlerError, match="cannot run in a process") as caught:
        op.update_config("w", run_in="process", critical=True)
    assert isinstance(caught.value, ConfigError)
    assert worker.config == Config()


PROGRAM = """
from smoothop import Config, InvalidHandlerError, Operator, done

class Poller:
    def handle(self, ctx):
        return done()

def poll(ctx):
    return done()

for handler in (Poller(), poll):
    try:
        Operator().add_handler("w", handler, Config(run_in="process"))
    except InvalidHandlerError as error:
        print(error)
"""


def test_what_the_program_itself_defines_is_refused_and_told_where_to_put_it():
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    assert len(told) == 2
    assert told[0].startswith("handler __main__:Poller cannot run in a process: it cannot be pick")
    for line in told:
        assert "is defined in the program itself (__main__)" in line
        assert "move it to a module of its own" in line
