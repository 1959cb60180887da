"""Each hook that tells what has happened: with what, on which thread, and in which order."""

import asyncio

import pytest
from support.gates import Gate
from support.hooks import Recorder, followed

from smoothop import (
    Config,
    DispatchEvent,
    HandleEvent,
    LifecycleEvent,
    Operator,
    PanicEvent,
    Registry,
    done,
    hookimpl,
    hookspecs,
    none,
)
from smoothop.events import KINDS
from smoothop.plugins.relay import FOLLOWING

ON_MESSAGE = Config(message_only=True, panic_backoff=0.001)


def answer(ctx):
    if isinstance(ctx.message, BaseException):
        raise ctx.message
    return done(ctx.message)


async def answer_async(ctx):
    return answer(ctx)


@pytest.fixture(params=[answer, answer_async], ids=["sync", "async"])
def handler(request):
    return request.param


def test_every_hook_that_tells_something_is_called_on_a_thread_of_the_plugin():
    asked = {"smoothop_add_handlers", "smoothop_cli", "smoothop_http"}
    asked |= {"smoothop_around_handle", "smoothop_around_dispatch"}
    assert {name for name in vars(hookspecs) if name.startswith("smoothop_")} - asked == FOLLOWING


def test_one_life_of_an_operator_is_told_in_order_on_the_plugins_thread(handler):
    recorder = Recorder(*FOLLOWING)
    with followed(watcher=recorder) as operator:
        worker = operator.add_handler("worker", handler, ON_MESSAGE)
        operator.start("worker")
        assert operator.dispatch("worker", "hello").result() == "hello"
        assert operator.stop("worker").wait()
        assert operator.remove_handler("worker").wait()
    told = [(one.hook.removeprefix("smoothop_"), one.arguments) for one in recorder.told]
    assert {one.thread for one in recorder.told} == {"smoothop-hooks-watcher"}
    order = [name for name, _ in told if name != "dispatch"]
    assert order == [
        "worker_added",
        "operator_started",
        "lifecycle",
        "handle",
        "lifecycle",
        "worker_removed",
        "operator_stopping",
        "operator_stopped",
    ]
    for name, arguments in told:
        if name.startswith("operator"):
            assert arguments == {"operator": operator}
        else:
            assert arguments["worker"] is worker
    events = [arguments["event"] for _, arguments in told if "event" in arguments]
    assert {type(event) for event in events} == {LifecycleEvent, DispatchEvent, HandleEvent}
    assert {event.worker for event in events} == {"worker"}


def test_handle_is_told_of_each_call_that_returned():
    recorder = Recorder("smoothop_handle")
    with followed(recorder) as operator:
        worker = operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        operator.dispatch("worker", "x").result()
        arguments = recorder.next().arguments
    assert arguments["worker"] is worker
    event = arguments["event"]
    assert (event.kind, event.status, event.had_message) == ("handle", "done", True)


def test_dispatch_is_told_of_each_message_accepted_or_refused():
    recorder = Recorder("smoothop_dispatch")
    with followed(recorder) as operator:
        operator.add_handler("idle", lambda ctx: none(60))
        operator.start("idle")
        operator.add_handler("full", answer, Config(mailbox_size=1))
        operator.dispatch("full", "fits")
        with pytest.raises(TimeoutError):
            operator.dispatch("full", "does not", timeout=0)
        fits, does_not = recorder.next().arguments, recorder.next().arguments
    assert (fits["worker"].name, fits["event"].ok) == ("full", True)
    assert does_not["event"].ok is False
    assert does_not["event"].error.startswith("dispatch timeout")


def test_panic_is_given_the_exception_itself(handler):
    recorder = Recorder("smoothop_panic")
    error = ValueError("out of order")
    with followed(recorder) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        operator.start("worker")
        operator.dispatch("worker", error)
        arguments = recorder.next().arguments
    assert arguments["exception"] is error
    assert isinstance(arguments["event"], PanicEvent)
    assert (arguments["event"].attempt, arguments["event"].error) == (1, "ValueError: out of order")


def test_lifecycle_says_why_the_worker_stopped():
    recorder = Recorder("smoothop_lifecycle")
    with followed(recorder) as operator:
        operator.add_handler("worker", answer, Config(message_only=True, max_panic_attempts=1))
        operator.start("worker")
        operator.dispatch("worker", ValueError())
        started, stopped = recorder.next().arguments["event"], recorder.next().arguments["event"]
    assert (started.event, started.reason) == ("started", None)
    assert (stopped.event, stopped.reason) == ("stopped", "panic limit")


def test_a_stuck_call_is_told_while_it_still_runs():
    recorder, leave = Recorder("smoothop_stuck"), Gate()

    def hang(ctx):
        leave.wait()  # the line it stands at
        return done()

    with followed(recorder) as operator:
        worker = operator.add_handler("worker", hang, Config(message_only=True, stuck_after=0.05))
        operator.start("worker")
        operator.dispatch("worker", None)
        arguments = recorder.next().arguments
        leave.open()
    assert arguments["worker"] is worker
    assert arguments["event"].duration >= 0.05
    assert "leave.wait()  # the line it stands at" in arguments["event"].stack


def test_operator_hooks_are_told_once_however_often_workers_start_and_whoever_closes():
    recorder = Recorder(*(hook for hook in FOLLOWING if "operator" in hook))
    with followed(recorder) as operator:
        for name in ("a", "b"):
            operator.add_handler(name, answer, ON_MESSAGE)
            operator.start(name)
        operator.stop("a").wait()
        operator.start("a")
        operator.close()
        operator.close()
    assert [one.hook for one in recorder.told] == [
        "smoothop_operator_started",
        "smoothop_operator_stopping",
        "smoothop_operator_stopped",
    ]


def test_nothing_is_told_and_no_thread_started_where_no_worker_ever_starts():
    recorder = Recorder(*FOLLOWING)
    with followed(recorder) as operator:
        operator.add_handler("worker", answer)
        operator.dispatch("worker", "never handled")
    assert recorder.told == []


def test_operator_stopped_is_the_last_call_and_close_waits_for_it():
    recorder = Recorder("smoothop_handle", "smoothop_operator_stopped")
    with followed(recorder) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        for number in range(500):
            operator.dispatch("worker", number)
        operator.dispatch("worker", None).result()
    assert [one.hook for one in recorder.told[-2:]] == [
        "smoothop_handle",
        "smoothop_operator_stopped",
    ]
    assert len(recorder.told) == 502


def test_an_operator_in_async_with_waits_for_its_observers_as_well():
    recorder = Recorder(*FOLLOWING)
    registry = Registry()
    registry.hooks.register(recorder, "recorder")

    async def main():
        async with Operator() as operator:
            registry.observe(operator)
            operator.add_handler("worker", answer_async, ON_MESSAGE)
            operator.start("worker")
            assert await (await operator.dispatch_async("worker", 3)) == 3

    asyncio.run(main())
    assert recorder.told[-1].hook == "smoothop_operator_stopped"


def test_an_operator_that_is_observed_late_tells_what_is_there_by_then():
    recorder = Recorder(*FOLLOWING)
    registry = Registry()
    registry.hooks.register(recorder, "recorder")
    with Operator() as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        registry.observe(operator)
        assert recorder.until("smoothop_operator_started").arguments == {"operator": operator}
        assert recorder.until("smoothop_worker_added").arguments["worker"].name == "worker"
        operator.dispatch("worker", 1).result()
        assert recorder.until("smoothop_handle").arguments["event"].had_message


def test_an_implementation_takes_only_the_arguments_it_needs_in_any_order():
    calls = []

    class Plugin:
        @hookimpl
        def smoothop_panic(self, exception, worker):
            calls.append((exception, worker.name))

        @hookimpl(specname="smoothop_operator_started")
        def begin(self):
            calls.append("started")

    error = ValueError()
    with followed(Plugin()) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        operator.dispatch("worker", error)
        with pytest.raises(Exception, match="panicked"):
            operator.dispatch("worker", ValueError()).result()
    assert calls[:2] == ["started", (error, "worker")]


def test_a_worker_of_an_operator_that_nobody_follows_has_no_listener():
    with Operator() as operator:
        core = operator.add_handler("worker", answer)._core
        assert [getattr(core.audience, kind) for kind in KINDS] == [()] * len(KINDS)
        assert core.calls.handle is answer


def test_a_plugin_is_given_only_the_kinds_of_event_it_has_hooks_for():
    with followed(Recorder("smoothop_panic")) as operator:
        audience = operator.add_handler("worker", answer)._core.audience
        assert [len(getattr(audience, kind)) for kind in KINDS] == [0, 1, 0, 0, 0]


def test_from_registry_lets_the_plugins_follow():
    recorder = Recorder("smoothop_worker_added", "smoothop_operator_stopped")
    registry = Registry()
    registry.add("worker", answer)
    registry.hooks.register(recorder, "recorder")
    with Operator.from_registry(registry) as operator:
        operator.start_all()
    assert [one.hook for one in recorder.told] == [
        "smoothop_worker_added",
        "smoothop_operator_stopped",
    ]


def test_without_plugins_nobody_follows_not_even_a_handler_itself():
    class Handler:
        handle = staticmethod(answer)

        @hookimpl
        def smoothop_worker_added(self, worker):
            raise AssertionError

    registry = Registry.discover(no_plugins=True)
    with Operator() as operator:
        registry.observe(operator)
        operator.add_handler("worker", Handler())
        operator.start_all()
        assert operator.observers == ()
