"""`smoothop_around_handle`: what plugins put around each call, seen by handlers of both kinds."""

import threading
import traceback
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

import pytest
from support.hooks import followed

from smoothop import Config, HandlerPanickedError, done, hookimpl

TRACE = ContextVar("TRACE", default="none")
ON_MESSAGE = Config(message_only=True, panic_backoff=0.0001)
ERRORS = [ValueError("no"), SystemExit(1), KeyboardInterrupt(), GeneratorExit(), StopIteration()]


def sync(ctx):
    if isinstance(ctx.message, BaseException):
        raise ctx.message
    return done((ctx.message, TRACE.get(), threading.current_thread().name))


async def asynchronous(ctx):
    return sync(ctx)


@pytest.fixture(params=[sync, asynchronous])
def handler(request):
    return request.param


class Around:
    """Puts around each call what the function gives."""

    def __init__(self, around):
        self.around = around

    @hookimpl
    def smoothop_around_handle(self, worker, ctx):
        return self.around(worker, ctx)


class Manager:
    """Enters and leaves, or raises where it is told to."""

    def __init__(self, enter=None, leave=None, answer=None):
        self.enter, self.leave, self.answer = enter, leave, answer
        self.saw = []

    def __enter__(self):
        if self.enter:
            raise self.enter

    def __exit__(self, *what):
        self.saw.append(what)
        if self.leave:
            raise self.leave
        return self.answer


def run(handler, *plugins, message="hello", **options):
    """Return what the handler answers to one message, and the observers."""
    with followed(*plugins, **options) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        operator.start("worker")
        return operator.dispatch("worker", message).result(), operator.observers


def test_it_is_called_in_the_worker_itself_with_the_worker_and_the_context(handler):
    seen = []

    def around(worker, ctx):
        seen.append((worker.name, ctx.worker, ctx.message, threading.current_thread().name))

    (_, _, thread), _ = run(handler, Around(around))
    assert seen == [("worker", "worker", "hello", thread)]


def test_context_variables_it_sets_are_seen_by_the_handler_and_can_be_reset(handler):
    @contextmanager
    def around(worker, ctx):
        token = TRACE.set(f"trace of {ctx.message}")
        yield
        TRACE.reset(token)

    plugin = Around(around)
    with followed(plugin) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        operator.start("worker")
        traced = [operator.dispatch("worker", n).result()[1] for n in range(2)]
        plugin.around = lambda worker, ctx: None
        untraced = operator.dispatch("worker", 2).result()[1]
    assert traced == ["trace of 0", "trace of 1"]
    assert untraced == "none"


def test_it_is_left_after_an_async_handler_has_ended_and_not_before():
    order = []

    @contextmanager
    def around(worker, ctx):
        order.append("enter")
        yield
        order.append("leave")

    async def handle(ctx):
        await ctx.wait(0)
        order.append("handle")
        return done()

    run(handle, Around(around))
    assert order == ["enter", "handle", "leave"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_sees_the_exception_and_cannot_swallow_it(handler, error):
    manager = Manager(answer=True)
    with pytest.raises(HandlerPanickedError) as caught:
        run(handler, Around(lambda worker, ctx: manager), message=error)
    kind, seen, trace = manager.saw[0]
    if isinstance(error, StopIteration) and handler is asynchronous:  # Python changes it
        error = seen
    assert (kind, seen) == (type(error), error)
    assert trace is not None
    assert caught.value.__cause__ is error


def test_a_generator_that_swallows_leaves_no_lines_in_the_traceback(handler):
    @contextmanager
    def around(worker, ctx):
        try:
            yield
        except ValueError:
            pass

    error = ValueError()
    with pytest.raises(HandlerPanickedError):
        run(handler, Around(around), message=error)
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert "around" not in names
    assert names[-1] == "sync"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["call", "enter", "leave"])
def test_what_it_raises_changes_no_outcome_and_is_counted(handler, where, error):
    def around(worker, ctx):
        if where == "call":
            raise error
        return Manager(**{where: error})

    (message, _, _), (info,) = run(handler, Around(around))
    assert message == "hello"
    assert info.failures == {"smoothop_around_handle": 1}


def test_what_it_raises_on_the_way_out_does_not_hide_what_the_handler_raised(handler):
    error = ValueError("the handler's")
    with pytest.raises(HandlerPanickedError) as caught:
        run(handler, Around(lambda worker, ctx: Manager(leave=OSError())), message=error)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("wrong", [42, "text", object()])
def test_what_is_no_context_manager_is_a_failure_that_says_so(handler, wrong, caplog):
    (message, _, _), (info,) = run(handler, Around(lambda worker, ctx: wrong))
    assert message == "hello"
    assert info.failures == {"smoothop_around_handle": 1}
    assert f"a context manager must be returned, not {type(wrong).__name__}" in caplog.text


def test_several_are_nested_and_one_that_fails_does_not_keep_the_others_out(handler):
    order = []

    def named(name):
        @contextmanager
        def around(worker, ctx):
            order.append(f"{name} in")
            yield
            order.append(f"{name} out")

        return Around(around)

    bad = Around(lambda worker, ctx: 1 / 0)
    run(handler, named("b"), bad, named("a"))
    assert order == ["a in", "b in", "b out", "a out"]


def test_one_that_fails_too_often_in_a_row_is_entered_no_more(handler):
    managers = []

    def around(worker, ctx):
        managers.append(Manager(leave=ValueError()))
        return managers[-1]

    with followed(Around(around), max_failures=2) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        operator.start("worker")
        for number in range(4):
            operator.dispatch("worker", number).result()
        assert operator.observers[0].state == "off"
    assert len(managers) == 2


def test_one_that_fails_and_succeeds_in_turn_stays(handler):
    def around(worker, ctx):
        return Manager(enter=ValueError() if ctx.message % 2 else None)

    with followed(Around(around), max_failures=2) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        operator.start("worker")
        for number in range(8):
            operator.dispatch("worker", number).result()
        assert operator.observers[0].state == "ok"
        assert operator.observers[0].failures == {"smoothop_around_handle": 4}


def test_a_plugin_that_only_goes_around_has_no_thread(handler):
    with followed(around=Around(lambda worker, ctx: nullcontext())) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        operator.start("worker")
        operator.dispatch("worker", 1).result()
        assert "smoothop-hooks-around" not in {one.name for one in threading.enumerate()}
