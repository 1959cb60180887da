"""Frames over sockets."""

import select
import signal
import threading
from contextlib import contextmanager

import pytest
from support.gates import DEADLINE

from smoothop.engine.runners.process import wire
from smoothop.engine.runners.process.side import Side


def test_frames_arrive_whole_and_in_order_whatever_their_size(ends):
    link, other = map(wire.Link, ends)
    bodies = [b"", b"x", b"y" * 100_000, b"", b"z" * 5_000_000]
    sender = threading.Thread(target=lambda: [link.send(n, b) for n, b in enumerate(bodies)])
    sender.start()
    assert [other.receive() for _ in bodies] == list(enumerate(bodies))
    sender.join()


def test_the_end_of_the_other_side_is_an_end_and_unread_frames_are_told_apart(ends):
    link, other = wire.Link(ends[0]), ends[1]
    other.close()
    with pytest.raises(EOFError):
        link.receive()
    with pytest.raises(OSError, match="Broken pipe"):
        link.send(1)


def test_one_that_ends_without_having_read_what_was_sent_says_so(ends):
    link, other = wire.Link(ends[0]), ends[1]
    link.send(1, b"a message")
    other.close()
    with pytest.raises(ConnectionResetError):
        link.receive()


def test_hanging_up_ends_a_receive_in_another_thread(ends):
    link = wire.Link(ends[0])
    raised = []

    def receive():
        try:
            link.receive()
        except EOFError as error:
            raised.append(error)

    reader = threading.Thread(target=receive)
    reader.start()
    link.hang_up()
    reader.join(20)
    assert len(raised) == 1


@pytest.mark.parametrize("piece", [1, 3, 9, 1000])
def test_frames_are_found_in_pieces(piece):
    sent = [(1, b""), (2, b"x" * 20), (3, b"\0" * 9)]
    stream = b"".join(wire.frame(*one) for one in sent)
    frames = wire.Frames()
    found = []
    for start in range(0, len(stream), piece):
        found += frames.found_in(stream[start : start + piece])
    assert found == sent


def test_a_side_never_blocks_even_when_nobody_reads(ends):
    side, other = Side(ends[0]), wire.Link(ends[1])
    for number in range(50):
        side.post(number, b"x" * 100_000)
    side.flush()
    assert side.waits_to_send
    received = []
    while len(received) < 50:
        received.append(other.receive()[0])
        side.flush()
    assert received == list(range(50))
    assert not side.waits_to_send


def test_a_side_that_is_sent_more_and_more_gives_it_piece_by_piece(ends):
    side, other = Side(ends[0]), wire.Link(ends[1])
    for _ in range(3):
        other.send(1, b"x" * 10_000)
    assert len(list(side.frames())) == 1
    other.send(2)
    assert [kind for kind, _ in side.frames(3)] == [1, 1, 2]


def test_a_side_gives_what_has_come_and_then_the_end(ends):
    side, other = Side(ends[0], wire.frame(1, b"begun")[:5]), wire.Link(ends[1])
    assert list(side.frames()) == []
    ends[1].sendall(wire.frame(1, b"begun")[5:])
    other.send(2)
    assert list(side.frames()) == [(1, b"begun"), (2, b"")]
    other.close()
    with pytest.raises(EOFError):
        list(side.frames())


# -- who writes is interrupted


@pytest.fixture
def reading_late(ends):
    """Interrupt this thread once it has begun to send, and only then read so many frames."""

    @contextmanager
    def reading_late(count):
        received = []

        def read():
            select.select([ends[1]], [], [], DEADLINE)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            other = wire.Link(ends[1])
            received.extend(other.receive() for _ in range(count))

        ends[1].settimeout(DEADLINE)
        reader = threading.Thread(target=read)
        reader.start()
        yield received
        reader.join()

    before = signal.getsignal(signal.SIGUSR1)
    yield reading_late
    signal.signal(signal.SIGUSR1, before)


LARGE = (1, b"x" * 5_000_000)


def test_a_frame_of_who_interrupts_follows_and_is_sent_before_it_goes_on(ends, reading_late):
    link = wire.Link(ends[0])
    signal.signal(signal.SIGUSR1, lambda *_: link.send(2, b"y" * 1_000_000))
    with reading_late(3) as received:
        link.send(*LARGE)
        link.send(3)
    assert received == [LARGE, (2, b"y" * 1_000_000), (3, b"")]


def test_a_frame_that_is_left_by_an_exception_is_sent_to_its_end_by_the_next(ends, reading_late):
    def leave(*_):
        raise KeyError("left")

    link = wire.Link(ends[0])
    signal.signal(signal.SIGUSR1, leave)
    with reading_late(2) as received:
        with pytest.raises(KeyError, match="left"):
            link.send(*LARGE)
        link.send(2)
    assert received == [LARGE, (2, b"")]
