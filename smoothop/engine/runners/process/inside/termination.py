"""`Termination`: makes a handler leave that does not do so by itself."""

from __future__ import annotations

import os
import signal
import threading


class Termination:
    """Raises `SystemExit` in the handler, once, when the parent says so.

    The parent decides when a child ends: a SIGTERM that comes from elsewhere (a service manager
    sends one to every process of the service) is ignored, as a Ctrl-C is. A handler that sets a
    SIGTERM handler of its own has that called instead.
    """

    def __init__(self) -> None:
        self._is_ordered = False
        self._is_in_handler = False
        self._forking = threading.local()

    def install(self) -> None:
        """Take the signals over; on the main thread."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.register_at_fork(
            before=self._fork, after_in_parent=self._unmask, after_in_child=self._forked
        )

    def order(self) -> None:
        """Let the handler leave; from any thread."""
        self._is_ordered = True
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGTERM)

    # -- on the main thread

    def allow(self) -> None:
        """From now on the handler runs; if it is to leave already, it does not begin."""
        self._is_in_handler = True
        self._look()

    def forbid(self) -> None:
        """From now on it does not."""
        self._is_in_handler = False

    def forget(self) -> None:
        """What was ordered has come too late: the call that was to end has ended by itself."""
        self._is_ordered = False

    def _on_sigterm(self, *_: object) -> None:
        self._look()

    def _look(self) -> None:
        if self._is_ordered and self._is_in_handler:
            self._is_ordered = False
            raise SystemExit("terminated: it had been asked to stop, and its grace is over")

    # -- a copy of this process, which the handler forks: a SIGTERM ends it, as any process

    def _fork(self) -> None:
        # One that comes to the copy at once waits until it is not ignored there any more.
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _forked(self) -> None:
        self._is_ordered = False
        if signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._unmask()

    def _unmask(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)
