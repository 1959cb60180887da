"""`LoopWaiter`: when the loop has to be woken, and when it will look again by itself."""

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

from smoothop.engine.waiting import LoopWaiter

DEADLINE = 20.0


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the calls that write to the loop's pipe."""

    pipe_writes = 0

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, **more: Any) -> Any:
        self.pipe_writes += 1
        return super().call_soon_threadsafe(callback, *args, **more)


def run_on_a_counting_loop(main: Callable[[], Any]) -> int:
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(main())
        return runner.get_loop().pipe_writes


def test_a_wake_by_another_task_of_the_same_loop_needs_no_pipe() -> None:
    async def main() -> None:
        waiter = LoopWaiter(asyncio.get_running_loop())

        async def wake() -> None:
            waiter.wake()
            waiter.wake()

        waking = asyncio.create_task(wake())
        assert await waiter.wait(DEADLINE)
        await waking

    assert run_on_a_counting_loop(main) == 0


def test_a_wake_by_another_thread_ends_the_sleep_of_the_loop() -> None:
    async def main() -> None:
        waiter = LoopWaiter(asyncio.get_running_loop())
        thread = threading.Thread(target=waiter.wake)
        asyncio.get_running_loop().call_soon(thread.start)
        assert await waiter.wait(DEADLINE)
        thread.join()

    assert run_on_a_counting_loop(main) == 1


def test_a_wake_by_a_signal_handler_ends_the_sleep_of_the_loop() -> None:
    """The handler runs on the loop's own thread while the loop sleeps: only the pipe ends that."""

    async def main() -> None:
        waiter = LoopWaiter(asyncio.get_running_loop())
        before = signal.signal(signal.SIGALRM, lambda *_: waiter.wake())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert await waiter.wait(DEADLINE)
        finally:
            signal.signal(signal.SIGALRM, before)

    assert run_on_a_counting_loop(main) == 1


def test_a_wake_by_a_signal_handler_in_the_middle_of_a_step_is_not_lost() -> None:
    async def main() -> None:
        waiter = LoopWaiter(asyncio.get_running_loop())
        before = signal.signal(signal.SIGALRM, lambda *_: waiter.wake())
        try:
            signal.raise_signal(signal.SIGALRM)
            assert await waiter.wait(DEADLINE)
        finally:
            signal.signal(signal.SIGALRM, before)

    run_on_a_counting_loop(main)
