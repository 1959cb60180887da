"""Promise 2: a message is refused or accepted, never lost between.

On real threads: three senders against a call that takes the worker away under them, at the
first message handled, the second, and so on. The simulator runs the same pairs through every
interleaving it can find.
"""

import threading

import pytest
from support.gates import DEADLINE, Gate

from smoothop import Config, MessageDroppedError, Operator, SmoothopError, done

SENDERS = 3
EACH = 20


def stop(op):
    op.stop("w").result(DEADLINE)
    op.start("w")


def restart(op):
    op.stop("w")
    op.start("w")


def reconfigure(op):
    op.update_config("w", mailbox_size=7).result(DEADLINE)


def remove(op):
    op.remove_handler("w").result(DEADLINE)


def close(op):
    op.close()


@pytest.mark.parametrize("against", [stop, restart, reconfigure, remove, close])
def test_every_message_is_refused_or_gets_exactly_one_outcome(way, against, sized):
    for number in range(sized(ci=100, soak=20_000)):
        _one_round(way, against, after=number % 10)


def _one_round(way, against, after):
    handled, receipts, refused = [], {}, []
    together, now = threading.Barrier(SENDERS + 1), Gate("the moment")

    async def handle(ctx):
        handled.append(ctx.message)
        if len(handled) > after:
            now.open()
        return done(ctx.message)

    with way.operator() as op:
        op.add_handler("w", way.handler(handle), Config(message_only=True, mailbox_size=5))
        op.start("w")
        threads = [
            threading.Thread(target=_send, args=(op, together, sender, receipts, refused))
            for sender in range(SENDERS)
        ]
        for thread in threads:
            thread.start()
        together.wait(DEADLINE)
        now.wait()
        against(op)
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()
    assert len(receipts) + len(refused) == SENDERS * EACH
    assert len(handled) == len(set(handled))
    assert not set(handled) & set(refused)
    for message, receipt in receipts.items():
        assert receipt.done()
        try:
            assert receipt.result(0) == message
            assert message in handled
        except MessageDroppedError:
            assert message not in handled


def _send(op: Operator, together, sender, receipts, refused):
    together.wait(DEADLINE)
    for number in range(EACH):
        message = (sender, number)
        try:
            receipts[message] = op.dispatch("w", message, timeout=DEADLINE)
        except SmoothopError:
            refused.append(message)
