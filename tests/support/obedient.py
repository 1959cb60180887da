"""A handler that does what its messages say: one that every way of running can run.

Most tests write their handlers as closures, which a child process cannot have. This one is
importable, as a class of its module, and tells everything through results, logs and files. Each
message is a tuple: what to do, then with what.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from smoothop import OperatorClosedError, done, fail, none
from support.ways import _Blocking, run_blocking


class PlainError(Exception):
    """An exception like any other."""


class StubbornError(Exception):
    """One that can be pickled, but not made again."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


class HoldsALockError(Exception):
    """One that cannot be pickled."""

    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


class NoTextError(Exception):
    """One that raises when it is asked for its text."""

    def __str__(self):
        raise RuntimeError("no text either")


EXCEPTIONS = {
    "plain": lambda: PlainError("plain"),
    "lookup": lambda: KeyError("k"),
    "exit": lambda: SystemExit(3),
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
    "iteration": lambda: StopIteration(1),
    "memory": MemoryError,
    "recursion": lambda: RecursionError("deep"),
    "group": lambda: ExceptionGroup("both", [ValueError("a"), TypeError("b")]),
    "stubborn": lambda: StubbornError(1, 2),
    "lock": lambda: HoldsALockError("held"),
    "no text": NoTextError,
    "long": lambda: PlainError("x" * 10_000_000),
    "odd": lambda: PlainError("a\nb\0c\x1b[31md\ud800"),
    "bare": lambda: BaseException("bare"),
}

ODD_RESULTS = {
    "None": lambda: None,
    "an int": lambda: 3,
    "a class": lambda: int,
    "a generator": lambda: (x for x in ()),
}


class Unreadable:
    """Can be pickled, and not be made again."""

    def __reduce__(self):
        return _fails_there, ()


def _fails_there():
    raise PlainError("not here")


class Unshowable(Unreadable):
    """Can be shown as text neither."""

    def __repr__(self):
        raise RuntimeError("no text either")


class Dawdling:
    """Is never pickled to the end; opens a fifo when it is about to be."""

    def __init__(self, fifo):
        self.fifo = fifo

    def __reduce__(self):
        Path(self.fifo).write_bytes(b"")
        threading.Event().wait()


class LateMessage:
    """Takes its time in being made again: until a `Fifo` is opened."""

    def __init__(self, fifo):
        self.fifo = fifo

    def __reduce__(self):
        return read, (self.fifo,)


class Logic:
    """What both kinds share; a coroutine that on the sync ways never suspends."""

    def __init__(self, notes: Path | None = None, poison: Path | None = None) -> None:
        """Make one.

        Args:
            notes: where it writes what it does.
            poison: a file with the number of times that `setup` will fail from now on.
        """
        self.notes = notes
        self.poison = poison
        self.handled = 0
        self.inside = 0
        self.most_inside = 0
        self.teardown_failure: Exception | None = None
        self.hangs_in_teardown = False
        self.death_in_teardown: Callable[[], object] = bool

    def note(self, text: str) -> None:
        """Write a line where the test can read it."""
        if self.notes is not None:
            with self.notes.open("a") as file:
                file.write(f"{text}\n")

    async def set_up(self, ctx: Any) -> None:
        self.note("setup")
        doses = int(self.poison.read_text()) if self.poison is not None else 0
        if doses:
            self.poison.write_text(str(doses - 1))
            raise PlainError("setup failed")

    async def tear_down(self, ctx: Any) -> None:
        self.note("teardown")
        ctx.logger.info("tearing down, cancelled: %s", ctx.cancelled)
        if self.hangs_in_teardown:
            threading.Event().wait()
        self.death_in_teardown()
        if self.teardown_failure is not None:
            raise self.teardown_failure

    async def obey(self, ctx: Any) -> Any:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            self.handled += 1
            if ctx.message is None:
                return none(3600)
            what, *arguments = ctx.message
            return await getattr(self, f"do_{what}")(ctx, *arguments)
        finally:
            self.inside -= 1

    # -- what a message can say

    async def do_echo(self, ctx, *values):
        return done(values)

    async def do_nothing(self, ctx):
        return none()

    async def do_fail(self, ctx, text):
        return fail(PlainError(text))

    async def do_fail_with(self, ctx, name):
        return fail(EXCEPTIONS[name]())

    async def do_raise(self, ctx, name):
        error = EXCEPTIONS[name]()
        raise error

    async def do_raise_from(self, ctx):
        try:
            raise KeyError("the cause")
        except KeyError as error:
            raise PlainError("the effect") from error

    async def do_return(self, ctx, name):
        return ODD_RESULTS[name]()

    async def do_give_a_lock(self, ctx):
        return done({"kept": threading.Lock()})

    async def do_give_unreadable(self, ctx):
        return done(Unreadable())

    async def do_count(self, ctx):
        return done((self.handled, self.most_inside))

    async def do_wait(self, ctx, timeout=None):
        return done((ctx.cancelled, await ctx.wait(timeout), ctx.cancelled))

    async def do_pass(self, ctx, fifo):
        """Stand at a fifo until somebody opens it; see `Fifo`."""
        await self.stand_at(fifo)
        return done()

    async def do_facts(self, ctx):
        return done(
            (
                type(getattr(ctx, "_ctx", ctx)).__name__,
                ctx.worker,
                ctx.cancelled,
                ctx.message,
                os.getpid(),
            )
        )

    async def do_log(self, ctx):
        logging.getLogger("acme.library").warning("of %s", "a library")
        logging.getLogger("acme.library").debug("too fine")
        ctx.logger.info("of the handler", extra={"count": 3})
        try:
            raise PlainError("logged")
        except PlainError:
            ctx.logger.exception("with an exception")
        return done()

    async def do_log_in_a_thread(self, ctx):
        thread = threading.Thread(target=lambda: ctx.logger.warning("of a thread"))
        thread.start()
        thread.join()
        return done()

    async def do_log_without_pause(self, ctx, logger):
        flood = logging.getLogger(logger)

        def log():
            while True:
                flood.warning("and on")

        threading.Thread(target=log, daemon=True).start()
        return done()

    async def do_log_a_lock(self, ctx):
        lock = threading.Lock()
        ctx.logger.warning("holding %s", lock, extra={"what": lock})
        return done()

    async def do_log_odd_things(self, ctx):
        lock = threading.Lock()
        odd = {"unreadable": Unreadable(), "unshowable": Unshowable(), "lock": lock}
        errors = {"stubborn": StubbornError(1, 2), "plain": PlainError("p")}
        ctx.logger.warning("odd things", extra={**odd, **errors, "path": Path("here")})
        return done()

    async def do_log_on(self, ctx, number, fifo):
        """From now on log at that signal, and open the fifo then."""

        def log(*_):
            ctx.logger.warning("on a signal")
            Path(fifo).write_bytes(b"")

        signal.signal(number, log)
        return done()

    async def do_poison(self, ctx, doses):
        self.poison.write_text(str(doses))
        return done()

    async def do_spoil_teardown(self, ctx):
        self.teardown_failure = PlainError("teardown")
        return done()

    async def do_die_in_teardown(self, ctx, how, *arguments):
        self.death_in_teardown = lambda: run_blocking(getattr(self, f"do_{how}")(ctx, *arguments))
        return done()

    async def do_hang_in_teardown(self, ctx):
        self.hangs_in_teardown = True
        return done()

    async def do_send(self, ctx, name, message):
        receipt = await ctx.dispatch(name, message)
        return done(await self.outcome(receipt))

    async def do_send_without_waiting(self, ctx, name, *messages):
        return await self.do_send_with_timeout(ctx, name, None, *messages)

    async def do_send_with_timeout(self, ctx, name, timeout, *messages):
        for message in messages:
            await ctx.dispatch(name, message, timeout=timeout)
        return done()

    async def do_send_and_watch(self, ctx, name, message):
        receipt = await ctx.dispatch(name, message)
        result = await self.outcome(receipt)
        return done((receipt.delivered, receipt.done(), receipt.wait_delivered(1), result))

    async def do_send_and_give_up(self, ctx, name, message):
        receipt = await ctx.dispatch(name, message)
        try:
            receipt.result(0.01)
        except TimeoutError as error:
            return done((str(error), receipt.done(), receipt.wait_delivered(0.01)))

    async def do_send_a_lock(self, ctx, name):
        await ctx.dispatch(name, threading.Lock())

    async def do_send_dawdling(self, ctx, name, fifo):
        await ctx.dispatch(name, Dawdling(fifo))

    async def do_send_in_a_thread(self, ctx, name, message):
        found = []
        thread = threading.Thread(
            target=lambda: found.append(ctx._ctx.dispatch(name, message).result(10))
        )
        thread.start()
        thread.join()
        return done(found)

    async def do_exit(self, ctx, code):
        os._exit(code)

    async def do_kill(self, ctx, number):
        os.kill(os.getpid(), number)
        threading.Event().wait()

    async def do_crash(self, ctx):
        ctypes.string_at(0)

    async def do_eat_memory(self, ctx, most):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        eaten = []
        while True:
            eaten.append(bytes(1 << 20))

    async def do_limit_memory(self, ctx, more):
        """Let this process have only so many bytes more than it has."""
        held = int(read("/proc/self/statm").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + more, held + more))
        return done(os.getpid())

    async def do_grow(self, ctx, size):
        self.ballast = bytes([1]) * size
        return done(os.getpid())

    async def do_grow_and_raise(self, ctx, size):
        await self.do_grow(ctx, size)
        raise PlainError("grown")

    async def do_hang(self, ctx, _):
        threading.Event().wait()

    async def do_spin(self, ctx):
        while True:
            pass

    # These ring at a worker named bell when they are where they are to be stopped.

    async def do_swallow(self, ctx):
        rung = False
        while True:
            try:
                if not rung:
                    rung = True
                    await ctx.dispatch("bell", None)
                threading.Event().wait()
            except BaseException:
                pass

    async def do_ignore_sigterm(self, ctx):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        await ctx.dispatch("bell", None)
        threading.Event().wait()

    async def do_clean_up(self, ctx):
        try:
            await ctx.dispatch("bell", None)
            threading.Event().wait()
        finally:
            self.note("cleaned up")

    async def do_hold_the_gil(self, ctx):
        hold_the_gil()

    async def do_ring_and_hold_the_gil(self, ctx):
        await ctx.dispatch("bell", None)
        hold_the_gil()

    async def do_ignore_and_hold_the_gil(self, ctx, number):
        signal.signal(number, signal.SIG_IGN)
        await self.do_ring_and_hold_the_gil(ctx)

    async def do_signal_itself(self, ctx, number):
        os.kill(os.getpid(), number)
        return done("still here")

    async def do_close_descriptors(self, ctx):
        os.closerange(3, 100)
        threading.Event().wait()

    async def do_become_another_program_on(self, ctx, number):
        signal.signal(number, lambda *_: os.execvp("sleep", ["sleep", "60"]))
        return done()

    async def do_descriptors(self, ctx):
        return done(descriptors())

    async def do_print(self, ctx, text):
        sys.stdout.write(text)
        sys.stdout.flush()
        return done()

    async def do_fork_and(self, ctx, what, *arguments):
        """Let a copy do it, and log on its way; tell its exit code, or the signal that ended it."""
        if (copy := os.fork()) == 0:
            ctx.logger.warning("of the copy")
            return await getattr(self, f"do_{what}")(ctx, *arguments)
        return done(end_of(copy))

    async def do_fork_and_terminate(self, ctx):
        if (copy := os.fork()) == 0:
            threading.Event().wait()
        os.kill(copy, signal.SIGTERM)
        return done(end_of(copy))

    async def do_count_descriptors(self, ctx):
        os._exit(open_descriptors())

    async def do_see_that_nobody_is_there(self, ctx):
        with suppress(OperatorClosedError):
            await ctx.dispatch("w", None)
            os._exit(1)
        os._exit(0 if ctx.cancelled else 2)

    async def do_multiprocess(self, ctx, *numbers):
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context("fork")
        process = context.Process(target=ctx.logger.warning, args=("of the copy",))
        process.start()
        process.join()
        with ProcessPoolExecutor(2, context) as pool:
            return done((process.exitcode, *pool.map(abs, numbers)))

    async def do_fork(self, ctx, fifo):
        leave_a_process_behind(fifo)
        os._exit(5)


def hold_the_gil():
    """Keep the interpreter for good, in C code that a signal does not end."""
    ctypes.PyDLL(None).read(os.pipe()[0], ctypes.create_string_buffer(1), 1)


def descriptors():
    """Return how many descriptors this process has open, and one that it starts."""
    code = "import os; print(len(os.listdir('/proc/self/fd')))"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, close_fds=False
    )
    return open_descriptors(), int(told.stdout)


def open_descriptors():
    """Return how many descriptors this process has open, with the one that lists them."""
    return len(list(Path("/proc/self/fd").iterdir()))


def end_of(process):
    """Wait until it has ended; return its exit code, or the negative number of the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def leave_a_process_behind(fifo):
    """Fork one that holds everything this one holds, until the fifo is opened."""
    if os.fork() == 0:
        read(fifo)
        os._exit(0)


class Obedient(Logic):
    """The sync one."""

    def setup(self, ctx):
        run_blocking(self.set_up(ctx))

    def handle(self, ctx):
        return run_blocking(self.obey(_Blocking(ctx)))

    def teardown(self, ctx):
        run_blocking(self.tear_down(ctx))

    async def outcome(self, receipt):
        return receipt.result()

    async def stand_at(self, fifo):
        read(fifo)


class ObedientAsync(Logic):
    """The async one."""

    async def setup(self, ctx):
        await self.set_up(ctx)

    async def handle(self, ctx):
        return await self.obey(ctx)

    async def teardown(self, ctx):
        await self.tear_down(ctx)

    async def outcome(self, receipt):
        return await receipt

    async def stand_at(self, fifo):
        await asyncio.to_thread(read, fifo)


def obey(ctx):
    """Do the same as a function."""
    return Obedient().handle(ctx)


class Fifo:
    """A gate between processes: the handler stands at it until it is opened."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)

    def open(self) -> None:
        """Let the one through that stands there; waits for somebody to come."""
        Path(self.path).write_bytes(b"")


def read(path: str) -> bytes:
    """Return what is in a file; of a `Fifo`, when it is opened."""
    return Path(path).read_bytes()


def lines(path: Path) -> list[str]:
    """Return what has been noted so far."""
    return path.read_text().split("\n")[:-1] if path.exists() else []
