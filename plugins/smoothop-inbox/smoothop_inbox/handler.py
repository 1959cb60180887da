"""`Inbox`: the handler that takes one file at a time from a folder to its target."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING

from smoothop import Context, HandleResult, done, fail, none
from smoothop_inbox.delivery import Accepted, Refused, Undecided, deliver
from smoothop_inbox.filing import file_into, forget, write_beside
from smoothop_inbox.holdings import Holdings, Job, is_gone
from smoothop_inbox.settings import InboxSettings
from smoothop_inbox.watch import Complete, Sight, Watch, look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RETRY = 5.0
"""Seconds between two tries when the target, not the file, is the problem."""


class Inbox:
    """Watch a folder; claim each complete file, send it to the target, put it away.

    One file for each call of `handle`. A file is sent at least once: after a crash or a stop it
    is sent again, so the target must not mind. Nothing is ever deleted or overwritten.
    """

    Settings = InboxSettings

    def __init__(
        self,
        settings: InboxSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        retry: float = RETRY,
    ) -> None:
        self._settings = settings
        # Kept as it was meant at the start, whatever changes the working directory later.
        self._folder = settings.path.absolute()
        self._clock = clock
        self._retry = retry
        self._forget_everything()

    def setup(self, ctx: Context) -> None:
        """Make the folder if it is missing; take up the files of dead inboxes.

        Raises:
            ValueError: the target is this worker itself.
            OSError: the folder cannot be made or read.
        """
        if ctx.worker == self._settings.target:
            raise ValueError(
                f"target: worker {ctx.worker} cannot send its files to itself; name another worker"
            )
        self._forget_everything()
        if not self._folder.exists():
            self._folder.mkdir(parents=True)
            ctx.logger.info("made the folder %s", self._folder)
        try:
            left = self._holdings.open()
        except BaseException:
            self._holdings.close()
            raise
        if left:
            ctx.logger.warning("taking up %d claimed files: %s", len(left), _shown_all(left))

    def handle(self, ctx: Context) -> HandleResult:
        """Take one file through, if one is there.

        A file that the target refuses is put into ``failed/`` and is a `done` all the same: the
        inbox has done its work, and the failure counts where it happened, at the target. `fail`
        is for what keeps the inbox from working.
        """
        try:
            job = self._holdings.jobs[0] if self._holdings.jobs else self._claim_next(ctx)
        except OSError as error:
            return fail(OSError(f"folder {self._folder}: {_said(error)}"), self._settings.idle)
        if job is None:
            return none(self._until_next_look())
        return self._take_through(ctx, job)

    def teardown(self, ctx: Context) -> None:
        """Let go of the claims; files in them are taken up at the next start."""
        left = [job.claimed.name for job in self._holdings.jobs]
        if left:
            ctx.logger.warning("left for the next start: %s", _shown_all(left))
        self._holdings.close()

    def _forget_everything(self) -> None:
        self._watch = Watch(self._settings.settle)
        self._ready: deque[Complete] = deque()
        self._holdings = Holdings(self._folder)
        self._told: set[str] = set()

    # -- from the folder

    def _claim_next(self, ctx: Context) -> Job | None:
        if not self._ready:
            self._look(ctx)
        while self._ready and not ctx.cancelled:
            job = self._claim(ctx, self._ready.popleft())
            if job is not None:
                return job
        return None

    def _look(self, ctx: Context) -> None:
        listing = look(str(self._folder), self._settings.pattern)
        for name in listing.odd:
            self._tell(ctx, name, "it is neither a file nor a folder")
        self._told &= listing.files.keys() | set(listing.odd)
        self._ready.extend(self._watch.update(listing.files, self._clock()))

    def _claim(self, ctx: Context, complete: Complete) -> Job | None:
        """Claim the file if it is still there and still what it was when it was complete."""
        source = self._folder / complete.name
        try:
            if Sight.of(source.lstat()) != complete.sight:
                return None
            job = self._holdings.claim(source)
        except FileNotFoundError:
            return None  # another inbox has it; if the folder is gone, the next look says so
        except PermissionError as error:
            self._tell(ctx, complete.name, _said(error))
            return None
        self._watch.forget([complete.name])
        return job

    def _tell(self, ctx: Context, name: str, why: str) -> None:
        if name not in self._told:
            self._told.add(name)
            ctx.logger.warning("%s is left alone: %s", _shown(name), why)

    def _until_next_look(self) -> float:
        wait = self._watch.next_complete(self._clock())
        return self._settings.idle if wait is None else min(wait, self._settings.idle)

    # -- to the target, and away

    def _take_through(self, ctx: Context, job: Job) -> HandleResult:
        if job.verdict is None:
            outcome = deliver(ctx, self._settings.target, job.claimed, self._clock)
            if isinstance(outcome, Undecided):
                return none() if outcome.problem is None else fail(outcome.problem, self._retry)
            job.verdict = outcome
        try:
            self._put_away(ctx, job, job.verdict)
        except OSError as error:
            # The verdict is kept: the file is not sent again, only put away.
            name = _shown(job.claimed.name)
            return fail(OSError(f"{name} cannot be put away: {_said(error)}"), self._retry)
        self._holdings.finish(job)
        return done()

    def _put_away(self, ctx: Context, job: Job, verdict: Accepted | Refused) -> None:
        source, name = job.claimed.path, job.claimed.name
        if is_gone(job.claimed):
            ctx.logger.warning("%s is gone: somebody took it out of the claims", _shown(name))
            return
        if isinstance(verdict, Accepted):
            place = file_into(self._folder / "done", source, name)
            ctx.logger.info("%s is done: %s", _shown(name), _inside(place))
        else:
            place = file_into(self._folder / "failed", source, name)
            note = write_beside(place, self._note(name, verdict))
            ctx.logger.warning(
                "%s has failed: %s, reason in %s", _shown(name), _inside(place), note.name
            )
        forget(source)

    def _note(self, name: str, verdict: Refused) -> str:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        detail = f"\n{verdict.detail}" if verdict.detail else ""
        target = self._settings.target
        return (
            f"{verdict.reason}\n\nfile: {_shown(name)}\nrefused by: {target}\nat: {now}\n{detail}"
        )


def _shown(name: str) -> str:
    """Return a name as it may stand in a log line: odd characters escaped, on one line."""
    return name if name.isprintable() else ascii(name)


def _shown_all(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(_shown, names[:5])) + more


def _inside(place: Path) -> str:
    return _shown(os.path.join(place.parent.name, place.name))  # noqa: PTH118 - a text to show


def _said(error: OSError) -> str:
    return error.strerror or str(error)
