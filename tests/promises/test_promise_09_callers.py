"""Promise 9: every call is idempotent where it says so and works from any thread, any loop and
inside handlers, without deadlock.

Each call of the API from each kind of caller, at most `DEADLINE` seconds each. What a caller may
not do there (wait for itself, block the loop it waits for) is refused by an error, not by silence.
Callers that only a process of its own can have (atexit, a forked child) are in
`callers_of_a_process.py`.
"""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.gates import DEADLINE, Gate

from smoothop import Config, Operator, OperatorClosedError, SmoothopError, done

SCRIPT = Path(__file__).parent / "callers_of_a_process.py"
ONLY = Config(message_only=True)


def sync_handle(ctx):
    return done(ctx.message() if callable(ctx.message) else ctx.message)


async def async_handle(ctx):
    return done(ctx.message() if callable(ctx.message) else ctx.message)


def _drive(coroutine):
    """Run a coroutine that has no need to suspend."""
    try:
        coroutine.send(None)
    except StopIteration as returned:
        return returned.value
    coroutine.close()
    return None


CALLS = {
    "add_handler": lambda op: op.add_handler("new", sync_handle),
    "remove_handler": lambda op: op.remove_handler("other"),
    "remove and wait": lambda op: op.remove_handler("other").result(DEADLINE),
    "update_config": lambda op: op.update_config("other", critical=True),
    "update and wait": lambda op: op.update_config("other", critical=True).result(DEADLINE),
    "update a sync one": lambda op: op.update_config("sync", critical=True),
    "start": lambda op: op.start("other"),
    "settled": lambda op: op.settled("other"),
    "stop and settle": lambda op: (op.stop("other"), op.settled("other").result(DEADLINE)),
    "start_all": lambda op: op.start_all(),
    "stop": lambda op: op.stop("other"),
    "stop and wait": lambda op: op.stop("other").result(DEADLINE),
    "stop in time": lambda op: op.stop("other", timeout=DEADLINE).result(DEADLINE),
    "stop a sync one": lambda op: op.stop("sync").result(DEADLINE),
    "stop an async one": lambda op: op.stop("async").result(DEADLINE),
    "stop_all": lambda op: op.stop_all(),
    "stop_all and wait": lambda op: op.stop_all().result(DEADLINE),
    "status": lambda op: op.status("sync"),
    "worker": lambda op: op.worker("async").snapshot().to_dict(),
    "workers": lambda op: [worker.last_metric() for worker in op.workers()],
    "dispatch": lambda op: op.dispatch("sync", 1),
    "dispatch and wait": lambda op: op.dispatch("other", 1).result(DEADLINE),
    "ask a sync one": lambda op: op.dispatch("sync", 1).result(DEADLINE),
    "ask an async one": lambda op: op.dispatch("async", 1).result(DEADLINE),
    "dispatch_async": lambda op: _drive(op.dispatch_async("async", 1)),
    "metrics": lambda op: op.metrics().close(),
    "worker's metrics": lambda op: op.worker("sync").metrics().close(),
    "close": lambda op: op.close(timeout=DEADLINE),
    "close twice": lambda op: (op.close(timeout=DEADLINE), op.close()),
}


def in_this_thread(op, call):
    return call(op)


def in_another_thread(op, call):
    return _result_of(lambda settle: threading.Thread(target=settle, args=(op, call)).start())


def in_a_sync_handler(op, call):
    return _result_of(lambda settle: op.dispatch("sync", lambda: settle(op, call)))


def in_an_async_handler(op, call):
    return _result_of(lambda settle: op.dispatch("async", lambda: settle(op, call)))


def on_a_foreign_loop(op, call):
    async def main():
        return call(op)

    return asyncio.run(main())


def in_a_signal_handler(op, call):
    found = []
    before = signal.signal(signal.SIGUSR1, lambda *_: found.append(call(op)))
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    return found


def in_a_callback_of_a_completion(op, call):
    return _result_of(
        lambda settle: op.stop("callback").add_done_callback(lambda _: settle(op, call))
    )


def after_close(op, call):
    op.close()
    return call(op)


CALLERS = [
    in_this_thread,
    in_another_thread,
    in_a_sync_handler,
    in_an_async_handler,
    on_a_foreign_loop,
    in_a_signal_handler,
    in_a_callback_of_a_completion,
    after_close,
]


def _result_of(begin):
    """Return, or raise, what the call came to that `begin` lets somebody else make."""
    over, found = Gate("the call"), {}

    def settle(op, call):
        try:
            found["value"] = call(op)
        except Exception as error:
            found["error"] = error
        over.open()

    begin(settle)
    over.wait()
    if "error" in found:
        raise found["error"]
    return found["value"]


# What would wait for itself, or hold up the loop it waits for, is refused.
REFUSED = {
    in_a_sync_handler: {"stop a sync one", "stop_all and wait", "ask a sync one", "close"},
    in_an_async_handler: {
        "stop an async one",
        "stop_all and wait",
        "ask an async one",
        "close",
    },
}
NEVER_REFUSED_AFTER_CLOSE = {"close", "close twice"}


def _is_refused(caller, name):
    if caller is after_close:
        return name not in NEVER_REFUSED_AFTER_CLOSE
    refused = REFUSED.get(caller, set())
    return name in refused or (name == "close twice" and "close" in refused)


def _operator(op, run_in):
    config = Config(message_only=True, run_in=run_in)
    op.add_handler("sync", sync_handle, config)
    op.add_handler("async", async_handle, ONLY)
    op.add_handler("other", sync_handle, config)
    op.add_handler("callback", sync_handle, config)
    op.start_all()
    op.dispatch("sync", 1).result(DEADLINE)
    op.dispatch("async", 1).result(DEADLINE)
    return op


@pytest.mark.parametrize("run_in", ["thread", "pool"])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.__name__)
def test_each_call_from_each_caller_returns_or_is_refused(caller, name, run_in):
    with Operator() as op:
        _operator(op, run_in)
        if _is_refused(caller, name):
            kind = OperatorClosedError if caller is after_close else SmoothopError
            with pytest.raises(kind):
                caller(op, CALLS[name])
        else:
            caller(op, CALLS[name])


# Not those that wait for a worker, which may need what the interrupted call holds.
@pytest.mark.parametrize("run_in", ["thread", "pool"])
@pytest.mark.parametrize(
    "name",
    [
        *("add_handler", "remove_handler", "update_config", "start", "start_all", "stop"),
        "settled",
        *("stop_all", "status", "worker", "workers", "dispatch", "dispatch_async", "metrics"),
    ],
)
def test_a_signal_handler_may_make_a_call_in_the_middle_of_another(name, run_in):
    with Operator() as op:
        _operator(op, run_in)
        # Where a signal finds the main thread: inside what a call guards.
        with op._lock, op._cores["sync"].lock, op._cores["other"].lock, _lock_of_pool(op):
            in_a_signal_handler(op, CALLS[name])


def _lock_of_pool(op):
    return nullcontext() if op._means.pool is None else op._means.pool.lock


WAIT_FOR_THE_LOOP = {"ask an async one", "close", "close twice"}


@pytest.mark.parametrize("name", CALLS)
def test_each_call_on_the_loop_of_async_with_returns_or_is_refused(name):
    async def main():
        async with Operator() as op:
            _operator_on_a_loop(op, async_handle)
            await (await op.dispatch_async("async", 1))
            if name in WAIT_FOR_THE_LOOP:
                with pytest.raises(SmoothopError, match="would block the event loop"):
                    CALLS[name](op)
            else:  # also a stop, which an idle worker needs no loop for
                CALLS[name](op)

    asyncio.run(asyncio.wait_for(main(), DEADLINE))


@pytest.mark.parametrize("name", ["stop an async one", "stop_all and wait"])
def test_a_stop_on_the_loop_of_one_that_is_inside_handle_is_refused(name):
    async def main():
        inside = asyncio.Event()

        async def handle(ctx):
            inside.set()
            await ctx.wait()
            return done()

        async with Operator() as op:
            _operator_on_a_loop(op, handle)
            await op.dispatch_async("async", 1)
            await inside.wait()
            with pytest.raises(SmoothopError, match="would block the event loop"):
                CALLS[name](op)
            await op.stop("async")  # the stop was asked for; only to block until then was refused
            CALLS[name](op)

    asyncio.run(asyncio.wait_for(main(), DEADLINE))


def _operator_on_a_loop(op, handle):
    op.add_handler("sync", sync_handle, ONLY)
    op.add_handler("async", handle, ONLY)
    op.add_handler("other", sync_handle, ONLY)
    op.start_all()


@pytest.mark.parametrize("caller", ["atexit", "fork"])
def test_each_call_from_a_process_on_its_way_out_or_a_forked_child(caller):
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), caller],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert len(found) >= 13
    refused = {"atexit": "ok", "fork": "OperatorClosedError"}[caller]
    exceptions = dict.fromkeys(("close", "view", "stream"), "ok")
    exceptions["receipt"] = "MessageDroppedError"
    assert found == {name: exceptions.get(name, refused) for name in found}


FORKS_IN_A_HANDLER = """
import os, signal, sys, warnings
from smoothop import Config, Operator, done
from smoothop.engine.runners.pool import crew

warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: fork with threads
crew.RETIRED_AFTER = 3600  # a thread of the pool that stays has nothing to do, and ends then

def handle(ctx):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # which ends a child that does not end by itself, and says so
    return done(child)

with Operator(pool_size=1) as op:
    for name in ("w", "another"):
        op.add_handler(name, handle, Config(run_in=sys.argv[1], message_only=True))
    op.start_all()
    child = op.dispatch("w", 1).result(20)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert op.stop("w").wait(20)
"""


@pytest.mark.parametrize("run_in", ["thread", "pool"])
def test_a_child_that_a_handler_forks_ends_when_the_handler_returns(run_in):
    ended = subprocess.run(
        [sys.executable, "-c", FORKS_IN_A_HANDLER, run_in],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


# -- idempotent


def test_starting_stopping_removing_and_closing_twice_is_like_once():
    with Operator() as op:
        op.add_handler("w", sync_handle, ONLY)
        op.start("w")
        op.start("w")
        op.start_all()
        assert op.worker("w").snapshot().starts == 1
        first, second = op.stop("w"), op.stop("w")
        for stopped in (first, second, op.stop("w")):
            stopped.result(DEADLINE)
        op.remove_handler("w").result(DEADLINE)
        op.close()
        op.close()
