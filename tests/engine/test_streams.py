"""What the streams of events leave behind."""

import gc
import weakref

import pytest

from smoothop import LifecycleEvent, Operator, done


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


def test_an_event_on_its_way_when_a_stream_ends_does_not_come_after_the_end():
    with Operator() as operator:
        worker = operator.add_handler("worker", lambda _: done())
        stream = worker.metrics(kinds=("lifecycle",))
        core = operator._core("worker")
        listeners = core.audience.lifecycle  # somebody who tells has looked who listens
        stream.close()
        core.publish(listeners, (LifecycleEvent, "worker", 0.0, "started", None))
        assert stream.get(timeout=0) is None
        assert stream.dropped == 0
