"""Observers that fail, hang or are slow: nobody else notices, and everybody can see it."""

import gc
import logging
import statistics
import threading
import time
import weakref
from itertools import count, pairwise

import pytest
from support.hooks import SOON, Blocked, Recorder, followed

from smoothop import Config, SmoothopError, done, hookimpl, none
from smoothop.plugins import lane
from smoothop.plugins.lane import BACKLOG, EXCEPTIONS

ON_MESSAGE = Config(message_only=True, panic_backoff=0.0001)
RAISED = [ValueError("no"), SystemExit("out"), KeyboardInterrupt(), GeneratorExit(), MemoryError()]


def answer(ctx):
    if isinstance(ctx.message, BaseException):
        raise ctx.message
    return done(ctx.message)


class Raising:
    """Raises the errors given one after the other, and then no more."""

    def __init__(self, *errors):
        self.errors = iter(errors)
        self.calls = 0

    @hookimpl
    def smoothop_handle(self, event):
        self.calls += 1
        error = next(self.errors, None)
        if error is not None:
            raise error


class Hanging(Blocked):
    """Hangs in its first call."""

    @hookimpl
    def smoothop_handle(self):
        self.here()


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_a_hook_raises_reaches_nobody_and_its_plugin_is_called_again(error):
    raising, other = Raising(error), Recorder("smoothop_handle")
    with followed(raising, other) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        assert [operator.dispatch("worker", n).result() for n in range(3)] == [0, 1, 2]
    assert raising.calls == 3
    assert len(other.told) == 3
    assert operator.observers[0].failures == {"smoothop_handle": 1}
    assert operator.observers[1].failures == {}


def test_a_failing_hook_is_logged_once_with_its_plugin_and_counted(caplog):
    with followed(raising=Raising(*map(ValueError, "abc"))) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        for number in range(4):
            operator.dispatch("worker", number).result()
    (line,) = [one.getMessage() for one in caplog.records if one.name == "smoothop.plugins"]
    assert line.startswith("hook smoothop_handle of plugin 'raising' failed: ValueError: a (")
    assert f"{__file__}:" in line
    assert operator.observers[0].failures == {"smoothop_handle": 3}


def test_a_log_handler_that_raises_does_not_end_the_plugins_thread():
    class Breaks(logging.Handler):
        def emit(self, record):
            raise RuntimeError("disk full")

    logger, breaks = logging.getLogger("smoothop.plugins"), Breaks()
    logger.addHandler(breaks)
    raising = Raising(ValueError())
    try:
        with followed(raising) as operator:
            operator.add_handler("worker", answer, ON_MESSAGE)
            operator.start("worker")
            operator.dispatch("worker", 1).result()
            operator.dispatch("worker", 2).result()
    finally:
        logger.removeHandler(breaks)
    assert raising.calls == 2


def test_a_hook_that_fails_too_often_in_a_row_switches_its_plugin_off_and_only_that(caplog):
    class Both(Raising, Recorder):
        def __init__(self):
            Recorder.__init__(self, "smoothop_panic", "smoothop_operator_stopped")
            Raising.__init__(self, *(ValueError() for _ in range(100)))

    bad, good = Both(), Recorder("smoothop_handle", "smoothop_panic")
    with followed(bad=bad, good=good, max_failures=3) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        for number in range(8):
            operator.dispatch("worker", number).result()
        operator.dispatch("worker", ValueError())
        good.until("smoothop_panic")
    assert bad.calls == 3
    assert [one.hook for one in bad.told] == ["smoothop_operator_stopped"]
    off, on = operator.observers
    assert (off.name, off.state, off.failures) == ("bad", "off", {"smoothop_handle": 3})
    assert off.error == "hook smoothop_handle failed 3 times in a row"
    assert on.state == "ok"
    (line,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert line == "plugin 'bad' is called no more: hook smoothop_handle failed 3 times in a row"


@pytest.mark.parametrize(("limit", "calls"), [(0, 30), (2, 30)])
def test_a_plugin_stays_on_that_has_no_limit_or_fails_with_successes_between(limit, calls):
    errors = [ValueError() if limit == 0 or n % 2 else None for n in range(calls)]
    raising = Raising(*errors)
    with followed(raising, max_failures=limit) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        for number in range(calls):
            operator.dispatch("worker", number).result()
    assert raising.calls == calls
    assert operator.observers[0].state == "ok"


def test_a_hook_whose_result_is_a_coroutine_has_failed():
    class Sly:
        @hookimpl
        def smoothop_handle(self):
            async def later():
                pass

            return later()

    with followed(Sly()) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        operator.dispatch("worker", 1).result()
    assert operator.observers[0].failures == {"smoothop_handle": 1}


def test_a_hanging_observer_keeps_neither_worker_nor_other_plugin_nor_close_waiting(caplog):
    hanging, other = Hanging(), Recorder("smoothop_handle", "smoothop_operator_stopped")
    messages = BACKLOG + 500
    with followed(hanging=hanging, other=other) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        operator.dispatch("worker", -1).result()
        assert hanging.entered.wait(SOON)
        for number in range(messages - 1):
            operator.dispatch("worker", number)
        operator.dispatch("worker", "last").result()
        assert operator.observers[0].dropped == 500
    assert operator.observers[1].dropped == 0
    assert len(other.told) == messages + 2
    (line,) = [one.getMessage() for one in caplog.records if one.name == "smoothop.plugins"]
    assert line == (
        "plugin 'hanging' is left behind in its hook smoothop_handle; "
        f"further calls not made: {BACKLOG}"
    )
    hanging.let_go.set()


def test_after_close_has_given_up_on_an_observer_it_is_called_no_more(caplog):
    class Slow(Blocked):
        calls = 0

        @hookimpl
        def smoothop_worker_added(self):
            self.calls += 1
            self.here()

    slow = Slow()
    with followed(slow=slow) as operator:
        for number in range(5):
            operator.add_handler(f"worker-{number}", answer)
        operator.start("worker-0")
        assert slow.entered.wait(SOON)
    slow.let_go.set()
    for thread in threading.enumerate():
        if thread.name == "smoothop-hooks-slow":
            thread.join()
    assert slow.calls == 1
    assert "in its hook smoothop_worker_added; further calls not made: 4" in caplog.text


def test_an_observer_that_was_too_slow_is_told_the_latest_events_and_named_once(caplog):
    seen = []

    class Slow(Blocked):
        @hookimpl
        def smoothop_dispatch(self, event):
            if not seen:
                self.here()
            seen.append(event)

    slow = Slow()
    with followed(slow=slow) as operator:
        operator.add_handler("worker", answer, Config(mailbox_size=2 * BACKLOG))
        operator.add_handler("other", answer, ON_MESSAGE)
        operator.start("other")
        operator.dispatch("worker", 0)
        assert slow.entered.wait(SOON)
        for number in range(BACKLOG + 5):
            operator.dispatch("worker", number)
        slow.let_go.set()
    assert len(seen) == 1 + BACKLOG
    assert operator.observers[0].dropped == 5
    (line,) = [one.getMessage() for one in caplog.records if one.name == "smoothop.plugins"]
    assert line == (
        "plugin 'slow' is too slow in its hook smoothop_dispatch: events are dropped, and counted"
    )


def test_a_flood_of_calls_never_pushes_out_the_news_of_a_panic():
    class Slow(Hanging, Recorder):
        def __init__(self):
            Hanging.__init__(self)
            Recorder.__init__(self, "smoothop_panic")

    slow = Slow()
    with followed(slow) as operator:
        for name in ("busy", "bad"):
            operator.add_handler(name, answer, ON_MESSAGE)
            operator.start(name)
        operator.dispatch("busy", 0).result()
        assert slow.entered.wait(SOON)
        with pytest.raises(SmoothopError):
            operator.dispatch("bad", ValueError("the news")).result()
        for number in range(BACKLOG + 10):
            operator.dispatch("busy", number)
        operator.dispatch("busy", "last").result()
        slow.let_go.set()
        assert str(slow.next().arguments["exception"]) == "the news"
        assert operator.observers[0].dropped == 11


def test_an_exception_does_not_outlive_the_call_it_is_given_to(without_log_records):
    class Frames:
        """Stands for whatever the frames of a handler hold."""

    held = []

    def crash(ctx):
        frames = Frames()
        held.append(weakref.ref(frames))
        raise ValueError(ctx.message)

    class Panics(Recorder):
        @hookimpl
        def smoothop_panic(self, exception):
            assert held[0]() is not None

    panics = Panics("smoothop_handle")
    with followed(panics) as operator:
        operator.add_handler("worker", crash, Config(message_only=True, panic_backoff=60))
        operator.add_handler("other", answer, ON_MESSAGE)
        operator.start_all()
        with pytest.raises(SmoothopError):
            operator.dispatch("worker", "x").result()
        operator.dispatch("other", 1).result()
        panics.next()
        gc.collect()
        assert held[0]() is None
    assert operator.observers[0].failures == {}


@pytest.fixture
def without_log_records():
    """Keep pytest from collecting records, each of which holds its exception."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def test_of_the_exceptions_that_wait_for_a_slow_observer_only_the_last_are_kept():
    errors = []

    class Slow(Blocked):
        @hookimpl
        def smoothop_panic(self, exception, event):
            errors.append((str(exception), type(exception), event.error))
            if len(errors) == 1:
                self.here()

    slow, other, total = Slow(), Recorder("smoothop_panic"), EXCEPTIONS + 4
    with followed(slow, other) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        for number in range(total):
            operator.dispatch("worker", ValueError(number))
            other.next()
            assert slow.entered.wait(SOON)
        slow.let_go.set()
    text = "(the exception itself was let go: too many were waiting)"
    assert [kind for _, kind, _ in errors] == [
        ValueError,
        *[SmoothopError] * 3,
        *[ValueError] * EXCEPTIONS,
    ]
    assert errors[1][0] == f"ValueError: 1 {text}"
    assert [text for _, _, text in errors] == [f"ValueError: {n}" for n in range(total)]


def test_where_no_thread_can_be_had_the_plugin_is_told_nothing_and_the_workers_run(
    monkeypatch, caplog
):
    spawn = lane.Lane.start

    def no_thread(self):
        class Machine:
            @staticmethod
            def spawn(target, name):
                raise RuntimeError("can't start new thread")

        self._machine, real = Machine, self._machine
        spawn(self)
        self._machine = real

    monkeypatch.setattr(lane.Lane, "start", no_thread)
    recorder = Recorder("smoothop_handle")
    with followed(alone=recorder) as operator:
        operator.add_handler("worker", answer, ON_MESSAGE)
        operator.start("worker")
        assert operator.dispatch("worker", 5).result() == 5
    assert recorder.told == []
    assert "plugin 'alone' is told nothing: can't start new thread" in caplog.text


def test_a_hook_may_block_on_its_operator_and_even_close_it():
    closed = threading.Event()

    class Bold:
        def __init__(self):
            self.answers = []

        @hookimpl
        def smoothop_panic(self, worker, exception):
            operator.remove_handler(worker.name).wait()
            self.answers.append(operator.dispatch("other", 7).result())
            operator.close()
            closed.set()

    bold = Bold()
    with followed(bold) as operator:
        for name in ("worker", "other"):
            operator.add_handler(name, answer, ON_MESSAGE)
            operator.start(name)
        operator.dispatch("worker", ValueError())
        assert closed.wait(SOON)
    assert bold.answers == [7]


def test_a_sleeping_observer_changes_nothing_in_the_rhythm_of_a_handler():
    """Promise 11, in a form that depends on no clock: the observer sleeps, the calls go on."""
    hanging, numbers, enough = Hanging(), count(), threading.Event()

    def busy(ctx):
        if next(numbers) == 3 * BACKLOG:
            enough.set()
        return done()

    with followed(hanging) as operator:
        operator.add_handler("busy", busy)
        operator.start("busy")
        assert hanging.entered.wait(SOON)
        assert enough.wait(SOON)
        assert operator.stop("busy").wait(SOON)
        hanging.let_go.set()
    assert operator.observers[0].dropped > 0


@pytest.mark.soak
def test_the_99th_percentile_of_a_handlers_rhythm_stays_within_five_percent():
    """Promise 11: medians of 20 runs each, taken in turn, so that other load meets both."""

    def percentile(*plugins):
        times, enough = [], threading.Event()

        def beat(ctx):
            times.append(time.perf_counter())
            if len(times) == 2_000:
                enough.set()
            ctx.wait(0.0005)
            return none(60) if enough.is_set() else done()

        with followed(*plugins) as operator:
            operator.add_handler("beat", beat)
            operator.start("beat")
            assert enough.wait(60)
        intervals = sorted(later - sooner for sooner, later in pairwise(times))
        return intervals[int(len(intervals) * 0.99)]

    class Sleeping:
        @hookimpl
        def smoothop_handle(self):
            time.sleep(0.005)

    alone, watched = [], []
    for _ in range(20):
        alone.append(percentile())
        watched.append(percentile(Sleeping()))
    assert statistics.median(watched) <= 1.05 * statistics.median(alone)
