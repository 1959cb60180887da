"""What the streams of events leave behind."""

import gc
import weakref

import pytest

from smoothop import Operator, done


class Recorder:
    """A handler that keeps a stream of its own worker."""

    def __init__(self):
        self.stream = None

    def handle(self, ctx):
        return done()


@pytest.mark.parametrize("of", ["the worker", "the operator"])
def test_an_operator_is_let_go_although_a_handler_of_its_own_keeps_a_stream(of):
    handler = Recorder()
    with Operator() as operator:
        worker = operator.add_handler("recorder", handler)
        handler.stream = (worker if of == "the worker" else operator).metrics()
    seen = weakref.ref(operator)
    del operator, worker, handler
    gc.collect()
    assert seen() is None


def test_a_stream_that_nobody_refers_to_is_detached_from_its_worker():
    with Operator() as operator:
        worker = operator.add_handler("busy", lambda _: done())
        core = operator._core("busy")
        stream = worker.metrics()
        assert len(core.audience.listeners) == 1
        del stream
        gc.collect()
        assert core.audience.listeners == ()
