"""Who waits for a worker waits by the operator's alarm, if that is free, and by a lock if not."""

import gc
import os
import resource
import select
import signal
import threading
import weakref
from contextlib import contextmanager
from time import monotonic

import pytest
from support.gates import DEADLINE, Gate
from support.leaks import open_descriptors

from smoothop import Config, MessageDroppedError, Operator, done
from smoothop.engine.alarm import Alarm
from smoothop.engine.machine import SYSTEM
from smoothop.engine.parking import Parking
from smoothop.engine.waiting import Latch, Waiter
from smoothop.testing import VirtualOperator

pytestmark = [
    pytest.mark.skipif(not SYSTEM.has_alarms, reason="the system has no eventfd"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),  # from 3.12 on
]

ONLY = Config(message_only=True)


class Seen(Latch):
    """A latch that tells that somebody waits for it, and by what."""

    def __init__(self):
        super().__init__()
        self.waiter = None
        self.awaited = Gate("a wait")

    def add(self, waiter):
        super().add(waiter)
        self.waiter = waiter
        self.awaited.open()


class Waits:
    """A thread that waits for a latch."""

    def __init__(self, parking, latch, *limits):
        self.latch = latch
        self.came = None
        self._thread = threading.Thread(target=self._run, args=(parking, *limits), daemon=True)
        self._thread.start()
        latch.awaited.wait()

    def _run(self, parking, timeout=None, other=None):
        self.came = parking.wait(self.latch, timeout, other)

    def ends(self):
        """Return what came of it."""
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        return self.came


@pytest.fixture
def parking():
    parking = Parking(SYSTEM)
    yield parking
    parking.close()


def by_what(parking):
    """Return what somebody who waits now waits by."""
    latch = Seen()
    assert not parking.wait(latch, 0.0)
    return latch.waiter


def is_woken(alarm):
    poll = select.poll()
    poll.register(alarm, select.POLLIN)
    return bool(poll.poll(0))


def eventfds():
    return [number for number, what in open_descriptors() if "eventfd" in what]


def late_wake(parking):
    """Let a wait end by its time, and wake it only then, as whoever has seen it may; return it."""
    alarm = by_what(parking)
    alarm.wake()
    return alarm


# -- one descriptor


def test_all_waits_after_each_other_are_by_one_alarm(parking):
    alarm = by_what(parking)
    assert isinstance(alarm, Alarm)
    assert by_what(parking) is alarm
    assert len(eventfds()) == 1


def test_who_finds_it_taken_waits_by_a_lock_and_both_are_woken(parking):
    first = Waits(parking, Seen())
    others = [Waits(parking, Seen()) for _ in range(20)]
    assert isinstance(first.latch.waiter, Alarm)
    assert all(isinstance(other.latch.waiter, Waiter) for other in others)
    assert len(eventfds()) == 1
    for waits in (*others, first):
        waits.latch.set()
        assert waits.ends()
    assert by_what(parking) is first.latch.waiter


def test_what_has_happened_needs_none(parking):
    latch = Latch()
    latch.set()
    assert parking.wait(latch, None)
    assert eventfds() == []


def test_the_other_latch_ends_a_wait(parking):
    other = Latch()
    waits = Waits(parking, Seen(), None, other)
    other.set()
    assert waits.ends() is False


# -- a wake that comes too late


@pytest.mark.parametrize("timeout", [0.0, 0.0005, 0.0101])
def test_a_wake_that_was_meant_for_the_last_wait_does_not_shorten_this_one(parking, timeout):
    late_wake(parking)
    began = monotonic()
    assert not parking.wait(Latch(), timeout)
    assert monotonic() - began >= timeout


@pytest.mark.parametrize("timeout", [None, 1e300])
def test_nor_does_it_end_one_without_a_limit(parking, timeout):
    alarm = late_wake(parking)
    waits = Waits(parking, Seen(), timeout)
    alarm.wake()  # and another one
    waits.latch.set()
    assert waits.ends()
    assert waits.latch.waiter is alarm


def test_a_wake_that_comes_after_the_close_is_lost(parking):
    alarm = by_what(parking)
    parking.close()
    alarm.wake()
    assert eventfds() == []


# -- the end


def test_closed_while_somebody_waits_it_stays_open_until_that_is_over(parking):
    waits = Waits(parking, Seen())
    parking.close()
    assert waits.latch.waiter.is_open
    waits.latch.set()
    assert waits.ends()
    assert not waits.latch.waiter.is_open


def test_after_the_close_one_waits_by_a_lock(parking):
    by_what(parking)
    parking.close()
    assert isinstance(by_what(parking), Waiter)
    assert eventfds() == []


def test_what_nobody_closes_is_given_back_when_nobody_refers_to_it_any_more():
    parking = Parking(SYSTEM)
    by_what(parking)
    seen = weakref.ref(parking)
    del parking
    gc.collect()
    assert seen() is None
    assert eventfds() == []


def test_without_a_further_descriptor_one_waits_by_a_lock_and_later_by_the_alarm(parking):
    with no_further_descriptor():
        waits = Waits(parking, Seen())
        waits.latch.set()
        assert waits.ends()
    assert isinstance(waits.latch.waiter, Waiter)
    assert isinstance(by_what(parking), Alarm)


@contextmanager
def no_further_descriptor():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- signals


@contextmanager
def signal_in_the_wait(latch, handler):
    """Call `handler` in this thread, which is the main one, once it waits for `latch`."""
    main = threading.main_thread().ident
    came = threading.Event()

    def send():
        latch.awaited.wait()
        signal.pthread_kill(main, signal.SIGUSR1)
        # One that comes in the last moment before the system's call does not interrupt that.
        while not came.wait(0.02):
            signal.pthread_kill(main, signal.SIGUSR1)

    def handle(*_):
        if not came.is_set():
            came.set()
            handler()

    before = signal.signal(signal.SIGUSR1, handle)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        sender.join(DEADLINE)
        signal.signal(signal.SIGUSR1, before)


def raising(error):
    def handler():
        raise error

    return handler


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TimeoutError("of the program's own")])
def test_an_exception_of_a_signal_handler_ends_the_wait_and_gives_the_alarm_back(parking, error):
    latch = Seen()
    with signal_in_the_wait(latch, raising(error)), pytest.raises(type(error)):
        parking.wait(latch, None)
    assert not latch._waiters
    assert by_what(parking) is latch.waiter


# -- a fork


def in_a_child(holds):
    """Tell whether `holds()` holds in a forked child."""
    child = os.fork()
    if not child:
        ends_soon()
        try:
            os._exit(0 if holds() else 1)
        finally:
            os._exit(2)
    return ended_well(child)


def ends_soon():
    """Let the system end this child if it waits for ever."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(DEADLINE))


def ended_well(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_a_forked_child_settles_wakes_nobody_in_its_parent():
    with Operator() as op:
        op.add_handler("w", done, ONLY)
        receipt = op.dispatch("w", "never handled")
        alarm = by_what(op._means.parking)
        receipt.add(alarm)  # as of a thread that waits
        assert in_a_child(lambda: receipt.done() and not alarm.is_open)
        assert not is_woken(alarm)
        assert alarm.is_open


def test_a_child_does_not_wait_for_a_thread_of_its_parent_that_was_waking():
    lock = threading.Lock()
    alarm = Alarm(lock)

    def goes_on():
        alarm.forked(threading.RLock())
        alarm.wake()
        return True

    with lock:
        assert in_a_child(goes_on)
    assert not is_woken(alarm)
    alarm.close()


def test_a_child_that_a_signal_handler_forks_in_the_wait_gets_the_outcome_that_nobody_answers():
    children = []
    with Operator() as op:
        op.add_handler("w", lambda ctx: done(ctx.message), ONLY)
        receipt = op.dispatch("w", "to be handled later")

        def fork():
            children.append(os.fork())
            if children == [0]:
                ends_soon()
            else:
                op.start("w")

        latch = Seen()
        receipt.delivery = latch  # which is awaited first, and tells it
        try:
            with signal_in_the_wait(latch, fork):
                receipt.wait_delivered()
                outcome = receipt.result(DEADLINE)
        except MessageDroppedError:
            if children == [0]:
                os._exit(0)
            raise
        finally:
            if children == [0]:
                os._exit(1)
        assert outcome == "to be handled later"
    assert ended_well(children[0])


# -- in an operator


def test_an_operator_has_one_from_the_first_wait_on_until_it_is_closed():
    with Operator() as op:
        op.add_handler("w", lambda ctx: done(ctx.message), ONLY)
        receipt = op.dispatch("w", 1)
        assert eventfds() == []
        with pytest.raises(TimeoutError):
            receipt.result(0)
        op.start("w")
        assert receipt.result(DEADLINE) == 1
        assert op.dispatch("w", 2).result() == 2
        assert len(eventfds()) == 1
    assert eventfds() == []


def test_who_waits_when_the_operator_is_closed_is_told_and_nothing_is_left():
    with Operator() as op:
        op.add_handler("w", done, ONLY)
        receipt = op.dispatch("w", "never handled")
        told = []

        def wait():
            try:
                receipt.result()
            except MessageDroppedError as error:
                told.append(error)

        latch = receipt.delivery = Seen()
        threads = [threading.Thread(target=receipt.wait_delivered), threading.Thread(target=wait)]
        threads[0].start()
        latch.awaited.wait()
        threads[1].start()
    for thread in threads:
        thread.join(DEADLINE)
    assert len(told) == 1
    assert eventfds() == []


def test_virtual_time_has_none():
    with VirtualOperator() as op:
        op.add_handler("w", lambda ctx: done(ctx.message), ONLY)
        op.start("w")
        assert op.dispatch("w", 1).result() == 1
        assert eventfds() == []
