"""Everything one inbox holds: its own claims, and those it took up from dead ones."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smoothop_inbox.claims import Claimed, ClaimFolder, abandoned

if TYPE_CHECKING:
    from pathlib import Path

    from smoothop_inbox.delivery import Accepted, Refused


@dataclass(slots=True)
class Job:
    """A claimed file, and what the target said about it, once it has."""

    claimed: Claimed
    verdict: Accepted | Refused | None = None


class Holdings:
    """The claims of one inbox, from a start of its worker to the stop.

    Attributes:
        jobs: the files that are claimed and not yet put away, in the order to be handled.
    """

    def __init__(self, folder: Path) -> None:
        self.jobs: deque[Job] = deque()
        self._claims = folder / ".claims"
        self._own: ClaimFolder | None = None
        self._adopted: list[ClaimFolder] = []

    def open(self) -> list[str]:
        """Claim what dead inboxes have left; return the names of those files.

        Raises:
            OSError: the claims cannot be read or locked.
        """
        self._claims.mkdir(exist_ok=True)
        for folder in abandoned(self._claims):
            self._adopted.append(folder)
            self.jobs.extend(Job(claimed) for claimed in folder.files())
        self._drop_finished()
        return [job.claimed.name for job in self.jobs]

    def claim(self, source: Path) -> Job:
        """Take one more file.

        Raises:
            FileNotFoundError: another inbox has it.
            OSError: it cannot be renamed, or no claims can be made.
        """
        own = self._own
        if own is None or not own.is_there():  # removed by hand, or the disk was swapped
            if own is not None:
                own.unlock()
                self._own = None
            self._claims.mkdir(exist_ok=True)
            own = self._own = ClaimFolder.create(self._claims)
        job = Job(own.claim(source))
        self.jobs.append(job)
        return job

    def finish(self, job: Job) -> None:
        """Forget a file that has been put away or is gone."""
        self.jobs.remove(job)
        self._drop_finished()

    def close(self) -> None:
        """Let go of everything; what is not put away is taken up at the next start."""
        folders = [*self._adopted, *([self._own] if self._own else [])]
        self.jobs.clear()
        self._adopted.clear()
        self._own = None
        for folder in folders:
            folder.release()

    def _drop_finished(self) -> None:
        busy = {id(job.claimed.folder) for job in self.jobs}
        finished = [folder for folder in self._adopted if id(folder) not in busy]
        self._adopted = [folder for folder in self._adopted if id(folder) in busy]
        for folder in finished:
            folder.release()


def is_gone(claimed: Claimed) -> bool:
    """Tell whether somebody has taken the claimed file away."""
    return not os.path.lexists(claimed.path)
