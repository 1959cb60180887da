"""Promise 4: no exception of any class stops another worker, the operator or the loop.

Each exception is raised beside a bystander that must go on, by a handler that must be called
again.
"""

import asyncio
import gc
import logging
import sys

import pytest
from support.gates import DEADLINE

from smoothop import Config, HandlerPanickedError, done, fail

# One of the exceptions raises in __del__, whenever that is called.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class StrRaisesError(Exception):
    def __str__(self):
        raise SystemExit("from __str__")


class ReprRaisesError(Exception):
    def __repr__(self):
        raise KeyboardInterrupt

    __str__ = __repr__


class BoolRaisesError(Exception):
    def __bool__(self):
        raise ValueError("from __bool__")


class DelRaisesError(Exception):
    def __del__(self):
        raise ValueError("from __del__")


class HoldsTheWorkerError(Exception):
    def __init__(self, worker):
        super().__init__("holds", worker)
        self.worker = worker


class NotAnException(BaseException):
    pass


def recursion():
    return recursion()


def asked_for_too_much():
    return bytearray(sys.maxsize)


def stop_iteration():
    raise StopIteration(3)


def raises(error):
    def act():
        raise error()

    return act


DEEDS = {
    "ValueError": raises(ValueError),
    "SystemExit": raises(SystemExit),
    "sys.exit": lambda: sys.exit(3),
    "KeyboardInterrupt": raises(KeyboardInterrupt),
    "GeneratorExit": raises(GeneratorExit),
    "CancelledError": raises(asyncio.CancelledError),
    "StopIteration": stop_iteration,
    "StopAsyncIteration": raises(StopAsyncIteration),
    "MemoryError": raises(MemoryError),
    "a real MemoryError": asked_for_too_much,
    "RecursionError": recursion,
    "ExceptionGroup": raises(lambda: ExceptionGroup("g", [ValueError(1), OSError(2)])),
    "BaseExceptionGroup": raises(lambda: BaseExceptionGroup("g", [KeyboardInterrupt()])),
    "BaseException": raises(NotAnException),
    "raises in __str__": raises(StrRaisesError),
    "raises in __repr__": raises(ReprRaisesError),
    "raises in __bool__": raises(BoolRaisesError),
    "raises in __del__": raises(DelRaisesError),
    "10 MB of text": raises(lambda: ValueError("x" * 10_000_000)),
    "NUL, ANSI, newlines": raises(lambda: ValueError("a\0b\x1b[31mc\r\nd")),
    "surrogates": raises(lambda: ValueError("\ud800 and \udfff")),
    "TimeoutError": raises(TimeoutError),
    "Warning": raises(lambda: UserWarning("w")),
}


@pytest.fixture(autouse=True)
def _quiet(caplog):
    # The 10 MB are formatted for the log, as they must be; no test needs to see them.
    caplog.set_level(logging.CRITICAL, logger="smoothop")
    yield
    gc.collect()  # here, and not in the depth of the next test's recursion


@pytest.mark.parametrize("message_only", [False, True], ids=["polling", "message-only"])
@pytest.mark.parametrize("name", DEEDS)
def test_the_worker_survives_it_and_nobody_else_notices(way, name, message_only):
    async def handle(ctx):
        return ctx.message() if ctx.message else done()

    config = Config(message_only=message_only, panic_backoff=0.001)
    with way.operator() as op:
        worker = op.add_handler("w", way.handler(handle), config)
        bystander = op.add_handler("bystander", way.handler(handle), Config(message_only=True))
        op.start_all()
        stream = worker.metrics(kinds=["panic"])

        receipt = op.dispatch("w", DEEDS[name])
        with pytest.raises(HandlerPanickedError) as caught:
            receipt.result(DEADLINE)

        assert stream.get(DEADLINE).attempt == 1
        assert caught.value.__cause__ is not None
        assert len(worker.snapshot().last_error) < 3000
        assert op.dispatch("w", lambda: done("again")).result(DEADLINE) == "again"
        assert op.dispatch("bystander", lambda: done("there")).result(DEADLINE) == "there"
        assert (bystander.snapshot().panics, bystander.snapshot().starts) == (0, 1)
        assert worker.snapshot().starts == 1


@pytest.mark.parametrize("name", [name for name in DEEDS if "real" not in name])
def test_the_same_returned_with_fail_is_a_fail(way, name):
    async def handle(ctx):
        try:
            ctx.message()
        except BaseException as error:
            return fail(error)

    with way.operator() as op:
        worker = op.add_handler("w", way.handler(handle), Config(message_only=True))
        op.start("w")
        stream = worker.metrics(kinds=["handle"])
        op.dispatch("w", DEEDS[name])
        event = stream.get(DEADLINE)
        assert event.status == "fail"
        assert 0 < len(event.error) < 3000
        assert worker.snapshot().panics == 0


def test_an_exception_that_holds_the_worker_is_let_go_with_its_receipt(way):
    async def handle(ctx):
        raise HoldsTheWorkerError(op.worker("w"))

    with way.operator() as op:
        op.add_handler("w", way.handler(handle), Config(message_only=True, panic_backoff=0.001))
        op.start("w")
        with pytest.raises(HandlerPanickedError):
            op.dispatch("w", 1).result(DEADLINE)
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o) is HoldsTheWorkerError]


@pytest.mark.parametrize("where", ["setup", "teardown"])
@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_nor_does_one_from_setup_or_teardown(way, where, name):
    async def handle(ctx):
        return done("there")

    async def act(ctx):
        DEEDS[name]()

    config = Config(message_only=True, max_panic_attempts=2, panic_backoff=0.001)
    with way.operator() as op:
        worker = op.add_handler("w", way.handler(handle, **{where: act}), config)
        op.add_handler("bystander", way.handler(handle), Config(message_only=True))
        stream = worker.metrics(kinds=["lifecycle"])
        op.start_all()
        if where == "setup":
            assert [event.reason for event in stream] == [None, "panic limit"]
        else:
            op.dispatch("w", 1).result(DEADLINE)
            op.stop("w").result(DEADLINE)
            assert worker.snapshot().stop_reason == "requested"
        assert op.dispatch("bystander", 1).result(DEADLINE) == "there"
        assert worker.status == "stopped"
