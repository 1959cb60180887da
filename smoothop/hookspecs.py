"""Every hook a plugin can implement, on one screen.

A hook plugin is a module or an object named by an entry point of the group
``smoothoperator.plugins``; its functions marked with `hookimpl` are called by name::

    from smoothop import hookimpl

    @hookimpl
    def smoothop_panic(worker, event):      # take only the arguments that are needed
        ...

Each implementation is called on its own, behind a fence: what it raises is logged with its name
and disturbs neither a worker nor another plugin. What it returns is ignored, except where a hook
says otherwise. Implementations are plain functions, never ``async``.

This release calls `smoothop_add_handlers` and `smoothop_cli`. The names and arguments of the
others are settled, so that a plugin can be written against them; nothing calls them yet. They
will be called on whatever thread the fact happens: an implementation must not assume one, must
not block, and must not wait for a worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from smoothop.engine.context import AsyncContext, Context
    from smoothop.engine.operator import Operator
    from smoothop.engine.worker import Worker
    from smoothop.events import (
        DispatchEvent,
        HandleEvent,
        LifecycleEvent,
        PanicEvent,
        StuckEvent,
    )
    from smoothop.plugins.registry import Registry

PROJECT = "smoothop"

hookspec = HookspecMarker(PROJECT)
"""Marks a hook specification; used by this module only."""

hookimpl = HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name."""


@hookspec
def smoothop_add_handlers(registry: Registry) -> None:
    """Add handlers from code, with ``registry.add(name, handler)``.

    Called once per registry, when it loads its hook plugins, on the thread that asks for that.
    If an implementation raises, none of the handlers it added is kept.
    """


@hookspec
def smoothop_cli(app: Any) -> None:
    """Add commands to `app`, the `typer.Typer` of the ``smoothop`` command.

    Called by the command line, at most once per process and on the main thread, when it needs
    to know every command; never with ``--no-plugins``.
    """


@hookspec
def smoothop_operator_started(operator: Operator) -> None:
    """The operator starts its first worker; once."""


@hookspec
def smoothop_operator_stopping(operator: Operator) -> None:
    """The operator begins to close: its workers are about to be asked to stop; once."""


@hookspec
def smoothop_operator_stopped(operator: Operator) -> None:
    """The operator is closed and every worker has ended or was given up; once."""


@hookspec
def smoothop_worker_added(worker: Worker) -> None:
    """A worker was registered; it does not run yet."""


@hookspec
def smoothop_worker_removed(worker: Worker) -> None:
    """A worker has stopped and was forgotten."""


@hookspec
def smoothop_lifecycle(worker: Worker, event: LifecycleEvent) -> None:
    """A worker has started or stopped; ``event.reason`` says why it stopped."""


@hookspec
def smoothop_handle(worker: Worker, event: HandleEvent) -> None:
    """A `handle` call returned; after each one, so the implementation must be quick."""


@hookspec
def smoothop_panic(worker: Worker, event: PanicEvent, exception: BaseException) -> None:
    """An exception left `handle` or `setup`.

    `exception` is valid during the call only: keep its text, never the object, which holds the
    frames of the handler alive.
    """


@hookspec
def smoothop_dispatch(worker: Worker, event: DispatchEvent) -> None:
    """A message was put into the worker's mailbox, or could not be."""


@hookspec
def smoothop_around_handle(
    worker: Worker, ctx: Context | AsyncContext
) -> AbstractContextManager[object] | None:
    """Return a context manager that is entered around one `handle` call, for tracing.

    It sees the exception that leaves `handle`, but cannot change the outcome.
    """


@hookspec
def smoothop_stuck(worker: Worker, event: StuckEvent) -> None:
    """A `handle` call has taken longer than ``Config.stuck_after``; once per call."""


@hookspec
def smoothop_http(app: Any) -> None:
    """Add routes to `app`, the control server of the running operator, before it listens."""
