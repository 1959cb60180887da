"""`Config`: how one worker is supervised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, Final, Literal, get_args

from smoothop._durations import Duration, seconds

DEFAULT_POOL_SIZE: Final = 64
"""Threads of a pool at most: so many handlers may block before others have to wait."""

RunIn = Literal["thread", "pool", "process"]
OnStuck = Literal["report", "replace", "exit"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """How one worker is supervised; immutable, every field has a default.

    Durations are given as seconds or as a timedelta and kept as seconds.

    Attributes:
        max_panic_attempts: stop the worker at that many panics; 0 = no limit.
        panic_backoff: seconds to sleep after a panic; 0 = 1 second.
        panic_backoff_max: 0 = the backoff is constant; otherwise it doubles with each panic
            in a row up to this many seconds, with jitter.
        panic_window: 0 = every panic since the start counts; otherwise only those of the last
            so many seconds.
        message_only: call `handle` only when a message is there.
        mailbox_size: how many messages wait before `dispatch` blocks.
        max_dispatch_timeout: the longest, in seconds, that any `dispatch` to this worker
            blocks; 0 = no limit.
        stop_grace: seconds an async handler may go on after it was asked to stop before its
            task is cancelled, or a child process before it is ended by force.
        run_in: where a sync handler runs: on a ``"thread"`` of its own; in the ``"pool"``, on
            threads that such workers share, where one that sleeps holds none and each call may
            come on another thread; or in a child ``"process"``. An async one runs on the event
            loop: for it ``"thread"`` and ``"pool"`` mean nothing, and ``"process"`` is refused.
        stuck_after: seconds after which a `handle` that has not returned is reported; 0 = off.
        on_stuck: what happens to it besides: ``"report"``: nothing; ``"replace"``: its message
            is given up and a new slot takes its place (a child process is killed and started
            again); ``"exit"``: `smoothop run` ends with exit code 1. Needs `stuck_after`.
        concurrency: how many `handle` calls of this worker may run side by side; can be changed
            without a restart.
        critical: `smoothop run` ends when this worker has used up its panics.
        max_memory: bytes of memory above which a child process is started anew, between two
            `handle` calls; 0 = no limit. Has to be more than a child holds after its `setup`, or
            each call takes a fresh one. Only with ``run_in="process"``.
        max_handles: `handle` calls after which a child process is started anew; 0 = no limit.
            Only with ``run_in="process"``.

    Raises:
        ValueError: a value is out of range or of the wrong type; names the field.
        TypeError: there is no such field; names the nearest.
    """

    max_panic_attempts: int = 0
    panic_backoff: Duration = 0
    panic_backoff_max: Duration = 0
    panic_window: Duration = 0
    message_only: bool = False
    mailbox_size: int = 1024
    max_dispatch_timeout: Duration = 0
    stop_grace: Duration = 10
    run_in: RunIn = "thread"
    stuck_after: Duration = 0
    concurrency: int = 1
    critical: bool = False
    on_stuck: OnStuck = "report"
    max_memory: int = 0
    max_handles: int = 0

    def __post_init__(self) -> None:
        for name, check in FIELD_CHECKS.items():
            object.__setattr__(self, name, check(getattr(self, name), name))
        if 0 < self.panic_backoff_max < self.panic_backoff:  # type: ignore[operator]
            raise ValueError(
                f"panic_backoff_max: {self.panic_backoff_max:g} s is less than panic_backoff "
                f"({self.panic_backoff:g} s); give at least that, or 0 for a constant backoff"
            )
        if self.on_stuck != "report" and not self.stuck_after:
            raise ValueError(f"on_stuck: {self.on_stuck!r} needs stuck_after, which is 0: give it")
        for field in ("max_memory", "max_handles"):
            if getattr(self, field) and self.run_in != "process":
                raise ValueError(f"{field}: needs run_in='process', which is {self.run_in!r}")


def at_least(least: int) -> Callable[[object, str], int]:
    """Return what checks that a value is a whole number, at least that, and names its field."""

    def check(value: object, field: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{field}: a whole number of at least {least}, not {value!r}")
        return value

    return check


def _flag(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{field}: True or False, not {value!r}")
    return value


def _one_of(*choices: str) -> Callable[[object, str], str]:
    def check(value: object, field: str) -> str:
        for choice in choices:
            if value == choice:
                return choice
        listed = ", ".join(map(repr, choices[:-1]))
        raise ValueError(f"{field}: one of {listed} and {choices[-1]!r}, not {value!r}")

    return check


FIELD_CHECKS: dict[str, Callable[[object, str], object]] = {
    "max_panic_attempts": at_least(0),
    "panic_backoff": seconds,
    "panic_backoff_max": seconds,
    "panic_window": seconds,
    "message_only": _flag,
    "mailbox_size": at_least(1),
    "max_dispatch_timeout": seconds,
    "stop_grace": seconds,
    "run_in": _one_of(*get_args(RunIn)),
    "stuck_after": seconds,
    "concurrency": at_least(1),
    "critical": _flag,
    "on_stuck": _one_of(*get_args(OnStuck)),
    "max_memory": at_least(0),
    "max_handles": at_least(0),
}
"""Field of `Config` -> what checks a value for it and returns it as it is kept."""

DURATION_FIELDS = frozenset(name for name, check in FIELD_CHECKS.items() if check is seconds)
"""The fields of `Config` that are durations: in files they may also be written as ``"2s"``."""

FLAG_FIELDS = frozenset(name for name, check in FIELD_CHECKS.items() if check is _flag)
"""The fields of `Config` that are true or false."""

SIZE_FIELDS = frozenset({"max_memory"})
"""The fields of `Config` that are bytes: in files they may also be written as ``"1GB"``."""

CONFIG_FIELDS = tuple(field.name for field in fields(Config))
"""The names of all fields, in order."""


def unknown_field(name: str) -> str:
    """Say that `Config` has no such field, and which one may be meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes pay for its import

    nearest = get_close_matches(name, CONFIG_FIELDS, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else f", only {', '.join(CONFIG_FIELDS)}"
    return f"{name}: Config has no such field{hint}"


_set_fields: Callable[..., None] = Config.__init__


@wraps(_set_fields)
def _init(self: Config, *values: Any, **given: Any) -> None:
    if values:
        raise TypeError("Config takes its fields by name, as in Config(stop_grace=5)")
    for name in given:
        if name not in CONFIG_FIELDS:
            raise TypeError(unknown_field(name))
    _set_fields(self, **given)


Config.__init__ = _init  # type: ignore[method-assign]  # the generated one, with better errors
