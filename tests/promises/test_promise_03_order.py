"""Promise 3: per worker and sender in order; at most one `handle` at a time.

Eight threads send to one worker, through a mailbox that is mostly full and one that is not.
"""

import threading

from support.gates import DEADLINE

from smoothop import Config, done

SENDERS = 8


class Witness:
    """Counts who is inside `handle`, and what has come from each sender."""

    def __init__(self):
        self.inside = 0
        self.most_inside = 0
        self.last = [-1] * SENDERS
        self.out_of_order = []

    async def handle(self, ctx):
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        sender, number = ctx.message
        if number != self.last[sender] + 1:
            self.out_of_order.append((sender, self.last[sender], number))
        self.last[sender] = number
        self.inside -= 1
        return done()


def run(way, size, each, between=lambda op: None):
    witness = Witness()
    with way.operator() as op:
        op.add_handler(
            "w", way.handler(witness.handle), Config(message_only=True, mailbox_size=size)
        )
        op.start("w")
        last = [None] * SENDERS

        def send(sender):
            for number in range(each):
                last[sender] = op.dispatch("w", (sender, number))

        threads = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
        for thread in threads:
            thread.start()
        between(op)
        for thread in threads:
            thread.join(100 + each / 1_000)
            assert not thread.is_alive()
        for receipt in last:  # where all have room, most are still to be handled
            receipt.result(DEADLINE + each / 1_000)
    assert witness.out_of_order == []
    assert witness.most_inside == 1
    assert witness.last == [each - 1] * SENDERS


def test_messages_of_each_sender_are_handled_in_order_one_at_a_time(way, sized):
    each = sized(ci=25_000 if way.is_async else 100_000, soak=1_000_000)
    run(way, SENDERS * each, each)


def test_also_when_the_mailbox_is_full_most_of_the_time(way, sized):
    run(way, 64, sized(ci=2_000, soak=100_000))


def test_also_while_the_worker_is_stopped_started_and_changed(way, sized):
    def meddle(op):
        for _ in range(50):
            op.stop("w")
            op.start("w")
            op.update_config("w", critical=True).result(DEADLINE)

    run(way, 64, sized(ci=2_000, soak=100_000), meddle)
