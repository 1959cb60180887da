"""Run by promise 9: each call of the API in an atexit function, or in a forked child.

Prints one JSON object: call -> "ok", or the class of the error.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import warnings

from smoothop import Config, Operator, done

DEADLINE = 20
VIEWS, STREAMS = [], []


def handle(ctx):
    return done(ctx.message)


async def async_handle(ctx):
    return done(ctx.message)


def calls(op, receipt):
    return {
        "status": lambda: op.status("w"),
        "worker": lambda: op.worker("w").snapshot(),
        "workers": op.workers,
        "dispatch": lambda: op.dispatch("w", 1),
        "dispatch to one in the pool": lambda: op.dispatch("p", 1),
        "dispatch to an async one": lambda: op.dispatch("a", 1),
        "metrics": op.metrics,
        "update_config": lambda: op.update_config("stopped", critical=True).result(DEADLINE),
        "stop": lambda: op.stop("w").result(DEADLINE),
        "stop in time": lambda: op.stop("a", timeout=DEADLINE).result(DEADLINE),
        "stop_all": lambda: op.stop_all().result(DEADLINE),
        "add_handler": lambda: op.add_handler("new", handle),
        "remove_handler": lambda: op.remove_handler("w").result(DEADLINE),
        "close": op.close,
    } | ({} if receipt is None else what_a_child_holds(receipt))


def what_a_child_holds(receipt):
    return {
        "receipt": receipt.result,
        "view": lambda: list(VIEWS[0].metrics()),
        "stream": lambda: list(STREAMS[0]),
    }


def report(op, receipt):
    found = {}
    for name, call in calls(op, receipt).items():
        try:
            call()
            found[name] = "ok"
        except Exception as error:
            found[name] = type(error).__name__
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()  # a forked child leaves without


def main(caller: str) -> None:
    op = Operator()
    op.add_handler("w", handle, Config(message_only=True))
    op.add_handler("p", handle, Config(message_only=True, run_in="pool"))
    op.add_handler("a", async_handle, Config(message_only=True))
    VIEWS.append(op.add_handler("stopped", handle))
    STREAMS.append(VIEWS[0].metrics())
    op.start("w")
    op.start("p")
    op.start("a")
    receipt = op.dispatch("stopped", 1)
    op.dispatch("w", 1).result(DEADLINE)
    op.dispatch("a", 1).result(DEADLINE)
    if caller == "atexit":
        atexit.register(report, op, None)  # nobody has started the receipt's worker
        return
    held, let_go = threading.Event(), threading.Event()

    def hold():  # a fork comes while another thread is in the middle of a call
        with op._lock, op._cores["stopped"].lock, op._means.pool.lock:
            held.set()
            let_go.wait()

    threading.Thread(target=hold).start()
    held.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: fork with threads
        child = os.fork()
    if child == 0:
        report(op, receipt)
        os._exit(0)
    let_go.set()
    _, status = os.waitpid(child, 0)
    op.close()
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1])
