"""A handler that dies in many ways, for tests that start hundreds of child processes.

It imports next to nothing, because each of them does so anew.
"""

from __future__ import annotations

import os
import signal
import time

from smoothop import done


class Mortal:
    """Does what its messages say."""

    def handle(self, ctx):
        getattr(self, ctx.message)(ctx)
        return done(os.getpid())

    # -- promise 20

    def live(self, ctx):
        pass

    def exit(self, ctx):
        os._exit(3)

    def kill(self, ctx):
        os.kill(os.getpid(), signal.SIGKILL)

    def crash(self, ctx):
        import ctypes

        ctypes.string_at(0)

    def hang(self, ctx):
        while True:
            time.sleep(1000)

    def ring_and_hang(self, ctx):
        ctx.dispatch("bell", ctx.worker)
        self.hang(ctx)

    def eat(self, ctx):
        import resource

        most = 1 << 30
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        eaten = bytearray(most)
        del eaten

    # -- promise 6

    def leave(self, ctx):
        ctx.wait()

    def leave_late(self, ctx):
        ctx.wait()
        time.sleep(0.05)

    def raise_because_of_it(self, ctx):
        ctx.wait()
        raise SystemExit("because of the stop")

    def spin(self, ctx):
        while True:
            pass

    def lock(self, ctx):
        import threading

        lock = threading.Lock()
        lock.acquire()
        lock.acquire()

    def match(self, ctx):
        import re

        while True:  # about 20 ms a time, and all the while the GIL is held
            re.match(r"(a+)+$", "a" * 17 + "b")

    def wait_for_a_process(self, ctx):
        import subprocess

        subprocess.run(["sleep", "60"], check=False)

    def swallow(self, ctx):
        while True:
            try:
                time.sleep(1000)
            except BaseException:
                pass

    def ignore(self, ctx):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.hang(ctx)

    def hold(self, ctx):
        import ctypes

        # In a call that no signal ends, as a calculation would not be: its parent may send one.
        ctypes.PyDLL(None).read(os.pipe()[0], ctypes.create_string_buffer(1), 1)
