"""`WorkerCore`: the state of one worker and its life; the engine's side of `Worker`.

Desired and actual state are apart: `run` is what is there, `_start_again` what is wanted after
it. Only when a run is over, which its slots say themselves, can the next one begin.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from smoothop.config import Config
from smoothop.engine.completion import Completion, Told
from smoothop.engine.texts import typed_text
from smoothop.engine.worker.history import noted
from smoothop.engine.worker.run import Run
from smoothop.engine.worker.slots import WorkerSlots
from smoothop.errors import SmoothopError
from smoothop.events import StopReason

if TYPE_CHECKING:
    from smoothop.engine.means import Means
    from smoothop.engine.operator import Operator
    from smoothop.engine.runners.process.recipe import Maker
    from smoothop.handlers import HandlerCalls


class WorkerCore(WorkerSlots):
    """One worker, whether it runs or not; its end for good is in `retiring`."""

    __slots__ = ("_restarts", "_start_again", "started_at", "starts")

    def __init__(
        self,
        operator: Operator,
        means: Means,
        name: str,
        calls: HandlerCalls,
        config: Config,
        *,
        maker: Maker | None = None,
    ) -> None:
        super().__init__(operator, means, name, calls, config, maker=maker)
        self.starts = 0
        self.started_at: float | None = None
        self._start_again = False
        self._restarts: tuple[Completion, ...] = ()

    # -- what is there

    def is_running(self) -> bool:
        """Tell whether its code may be running, or is about to."""
        run = self.run
        return run is not None and (not run.over or self._start_again)

    def loop_thread(self) -> int | None:
        """Return the identity of the thread whose event loop it runs on, if it does."""
        run = self.run
        return None if run is None or run.over else run.loop_thread

    def stack(self) -> str:
        """Return where its loops stand, as the text of a traceback for each slot."""
        stacks = self.stacks()
        if len(stacks) == 1:
            return next(iter(stacks.values()))
        return "\n".join(f"slot {n}:\n{stack}" for n, stack in stacks.items()) or "(not running)"

    def stacks(self) -> dict[int, str]:
        """Return where each slot stands: its number -> the text of a traceback."""
        run = self.run
        return {} if run is None else {slot.number: slot.stack() for slot in run.slots}

    # -- what is wanted

    def start(self) -> None:
        """Start it; if it is stopping, let it start again when it has stopped.

        Raises:
            SmoothopError: it is being removed, or no thread could be started for it.
        """
        with self.lock:
            if self.mailbox.refusal is not None:
                raise self.mailbox.refusal()
            if self.run is not None:
                self._start_again = self._start_again or self.run.leaving
                return
            run = self._new_run()
            if run is None:
                raise self.mailbox.refusal()  # type: ignore[misc]  # by now there is one
        self._launch(run)

    def settled(self) -> Completion:
        """Return a completion that is done when it does not stop any more: it runs, or has stopped.

        It fails if a start that was to follow the stop does.
        """
        settled = Completion(self.machine, (self,))
        with self.lock:
            run = self.run
            if run is not None and run.leaving:
                if self._start_again:
                    self._restarts = (*self._restarts, settled)
                else:
                    run.ended = (*run.ended, settled)
                return settled
        settled.succeed()
        return settled

    def stop(self, told: Told, reason: StopReason = "requested") -> Run | None:
        """Ask it to stop; `told` is told when it has. Return the run that is to end, if any."""
        with self.lock:
            run = self.run
            announce = self._want_stop(run, reason)
            if run is not None:
                run.ended = (*run.ended, *self._restarts, told)
                self._restarts = ()
        if run is None:
            told.run_ended(self.threads)  # they said that they have ended, or are about to
        else:
            self._ask(run, announce=announce)
        return run

    def ask_stop(self, reason: StopReason) -> None:
        """Ask it to stop; nobody needs to be told."""
        with self.lock:
            run = self.run
            announce = self._want_stop(run, reason)
        if run is not None:
            self._ask(run, announce=announce)

    def update(self, changes: dict[str, Any]) -> Completion:
        """Give it a new config; done when that is in force.

        A running one is restarted, unless only the number of its slots changes.

        Raises:
            TypeError: there is no such field.
            ValueError: a value is wrong.
            ConfigError: this version cannot do it.
        """
        slots_only = changes.keys() == {"concurrency"}
        what = "its surplus slots' end" if slots_only else "its own restart"
        in_force = Completion(self.machine, (self,), what, every=not slots_only)
        self.make_ready(replace(self.config, **changes))  # not with the lock: it runs user code
        with self.lock:
            if self.mailbox.refusal is not None:
                raise self.mailbox.refusal()
            self.config = replace(self.config, **changes)
            self.mailbox.resize(self.config.mailbox_size)
            run = self.run
            scale = run is not None and not run.leaving and slots_only
            again = run is not None and not scale and (self._start_again or not run.leaving)
            announce = again and self._want_stop(run, "requested")
            if run is None:
                pass
            elif scale:
                run.config, run.wanted = self.config, self.config.concurrency
                run.scaled = (*run.scaled, in_force)
                run.call_attention()
            elif again:
                self._start_again = True
                self._restarts = (*self._restarts, in_force)
            else:
                run.ended = (*run.ended, in_force)
        self.note("config changed", ", ".join(f"{name}={new!r}" for name, new in changes.items()))
        if run is None:
            in_force.succeed()
        elif scale:
            self.scale(run)
        elif again:
            self._ask(run, announce=announce)
        return in_force

    # -- inside

    def _new_run(self) -> Run | None:
        """Make one, with the lock; ``None`` if a signal handler has retired the worker meanwhile.

        That saw no run to stop. None comes in between the next steps, as nothing is called there.
        """
        self.run = run = Run(self)
        if self.mailbox.refusal is not None:
            self.run = None
            return None
        self.failed = False
        self.starts += 1
        self.started_at = now = run.started_at
        self.history = noted(self.history, (now, "started", None))
        return run

    def _launch(self, run: Run) -> None:
        self.inform("starting worker")
        # Here, not on its own thread: so it comes before all that the one who starts it does next.
        self.tell_life("started", run.started_at)
        slot = run.slots[0]
        if run.config.stuck_after:
            self.means.watchdog.watch(self, run)
        try:
            self.launch_slot(slot)
        except Exception as error:
            self._launch_failed(run, error)
            raise SmoothopError(f"worker {self.name} could not be started: {error}") from error
        # It is registered now; whoever stops it sets the flag, then tells who is registered.
        if run.stopping and slot.runner is not None:
            slot.runner.asked_to_stop()

    def _launch_failed(self, run: Run, error: Exception) -> None:
        self.note_error(typed_text(error))
        self.log.error("worker could not be started: %s", error, cause=error)
        with self.lock:
            run.slots = ()
            run.over = run.leaving = True
            self.failed = True
        self.note("stopped")
        self.tell_life("stopped", self.machine.time())
        self.end_streams()
        self._conclude(run)

    def _want_stop(self, run: Run | None, reason: StopReason) -> bool:
        """Note, under the lock, that it is to stop; tell whether that is news."""
        self._start_again = False
        return run is not None and run.leave(reason)

    def _ask(self, run: Run, *, announce: bool) -> None:
        if announce:
            self.inform("stopping worker")
        self.tell_slots(run)

    def run_ended(self, run: Run) -> None:
        """Tell everybody that it has stopped; start again if wanted."""
        self.inform("worker stopped", reason=run.reason)
        when: float = self.stopped_at  # type: ignore[assignment]  # by the end of the run
        self.tell_life("stopped", when, run.reason)
        self.end_streams()
        self._conclude(run)

    def _conclude(self, run: Run) -> None:
        if run.config.stuck_after:
            self.means.watchdog.forget(run)
        with self.lock:
            self.run = None
            # One that got no thread ends on that of the run before it, if it was to follow one.
            threads = run.threads or self.threads
            again = self._start_again and self.mailbox.refusal is None
            self._start_again = False
            following = self._new_run() if again else None
            restarts, self._restarts = self._restarts, ()
            ended, run.ended = run.ended, ()
        failure: SmoothopError | None = None
        if following is not None:
            try:
                self._launch(following)
            except SmoothopError as error:  # told in the log, and to who asked for the restart
                failure = error
        for told in ended:
            told.run_ended(threads)
        for completion in restarts:
            if failure is None:
                completion.succeed()
            else:
                completion.fail(failure)
