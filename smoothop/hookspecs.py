"""Every hook a plugin can implement, on one screen.

A hook plugin is a module or an object named by an entry point of the group
``smoothoperator.plugins``; its functions marked with `hookimpl` are called by name::

    from smoothop import hookimpl

    @hookimpl
    def smoothop_panic(worker, event):      # take only the arguments that are needed
        ...

Handler objects may have such methods as well: these are called for the handler's own worker only.

**Where.** Hooks that tell what has happened are called on a thread of the plugin's own, named
``smoothop-hooks-NAME``, one at a time and in the order of the events. They may take their time
and may block: no worker and no other plugin waits for them. What they are told, they are told a
little later. When more than 8,192 calls wait, the oldest event is dropped and counted; frequent
events (`smoothop_handle`, `smoothop_dispatch`) never push out rare ones. The thread starts with
the operator's first worker; what happened before, such as `smoothop_worker_added`, it is told
then. It ends when the operator is closed, which waits for the plugins for one second in all.
Hooks that are asked for something, such as `smoothop_around_handle`, are called by whoever asks,
as they say.

**What an exception does.** Each call is fenced: whatever it raises, `SystemExit` included, is
logged once per hook with the names of hook, plugin and distribution, counted (see
`Operator.observers` and `Registry.plugins`), and disturbs neither a worker nor another plugin. A
plugin whose hook fails ten times in a row (``max_failures``) is switched off: nothing of it is
called any more, but for `smoothop_operator_stopped`, so that it can let go what it holds.

**What is refused.** A plugin is left out, whole, and named in the log when it marks a function
that is no hook, asks for an argument that the hook has not, or has a hook that is ``async``, a
generator, a hook wrapper, or not marked.

What an implementation returns is ignored, except where a hook says otherwise. Where several
plugins are called by one thread, they are called in the order of their names, those marked
``hookimpl(tryfirst=True)`` before and those marked ``hookimpl(trylast=True)`` after the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from smoothop.engine.operator import Operator
    from smoothop.engine.worker.context import AsyncContext, Context
    from smoothop.engine.worker.view import Worker
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

    Called once per registry, when it loads its hook plugins, on the thread that asks for that; so
    be quick. If an implementation raises, none of the handlers it added is kept.

    Example::

        @hookimpl
        def smoothop_add_handlers(registry):
            for queue in ("mail", "orders"):
                registry.add(f"poll-{queue}", Poller(queue))
    """


@hookspec
def smoothop_cli(app: Any) -> None:
    """Add commands to `app`, the `typer.Typer` of the ``smoothop`` command.

    Called by the command line, at most once per process and on the main thread, when it needs
    to know every command; never with ``--no-plugins``. If an implementation raises, its commands
    may be missing; the others are there.

    Example::

        @hookimpl
        def smoothop_cli(app):
            app.command("ping")(lambda: print("pong"))
    """


@hookspec
def smoothop_operator_started(operator: Operator) -> None:
    """The operator starts its first worker.

    Called once per operator, on the plugin's thread, after `smoothop_worker_added` for the workers
    it has by then, and before any worker's first event. An exception is logged and counted.

    Example::

        @hookimpl
        def smoothop_operator_started(self, operator):
            self.operator = operator     # operator.observers: failures and drops of all plugins
    """


@hookspec
def smoothop_operator_stopping(operator: Operator) -> None:
    """The operator begins to close: its workers are asked to stop for good.

    Called once per operator that was started, on the plugin's thread; events of the workers still
    follow. An exception is logged and counted.

    Example::

        @hookimpl
        def smoothop_operator_stopping(self, operator):
            self.is_ready = False        # a health check answers no from now on
    """


@hookspec
def smoothop_operator_stopped(operator: Operator) -> None:
    """The operator is closed; every worker has ended, or was given up.

    Called once per operator that was started, on the plugin's thread, as the plugin's last call:
    flush and close here what the plugin holds. `Operator.close` waits for it, one second for all
    plugins together; after that the process may end. Methods of `operator` raise
    `OperatorClosedError`. An exception is logged and counted; a plugin that is switched off is
    called as well.

    Example::

        @hookimpl
        def smoothop_operator_stopped(self, operator):
            self.connection.close()
    """


@hookspec
def smoothop_worker_added(worker: Worker) -> None:
    """A worker was registered; it does not run yet.

    Called once per worker, on the plugin's thread, before the worker's first event and not before
    the operator's first start. An exception is logged and counted.

    Example::

        @hookimpl
        def smoothop_worker_added(self, worker):
            self.known[worker.name] = worker      # worker.snapshot() at any time
    """


@hookspec
def smoothop_worker_removed(worker: Worker) -> None:
    """A worker has stopped and was forgotten by `Operator.remove_handler`.

    Called once per removed worker, on the plugin's thread, after the worker's last event; its
    name may belong to another one soon. Not called for the workers that are there when the
    operator closes: `smoothop_operator_stopped` speaks for them. An exception is logged and
    counted.

    Example::

        @hookimpl
        def smoothop_worker_removed(self, worker):
            del self.known[worker.name]
    """


@hookspec
def smoothop_lifecycle(worker: Worker, event: LifecycleEvent) -> None:
    """A worker has started or stopped; ``event.reason`` says why it stopped.

    Called on the plugin's thread, at each start and stop, restarts for a new config included. An
    exception is logged and counted.

    Example::

        @hookimpl
        def smoothop_lifecycle(worker, event):
            if event.reason == "panic limit":
                page_somebody(f"{worker.name} is down: {worker.snapshot().last_error}")
    """


@hookspec
def smoothop_handle(worker: Worker, event: HandleEvent) -> None:
    """A call of `handle` has returned.

    Called on the plugin's thread, once per call that returned a result; for one that raised there
    is `smoothop_panic`. A busy worker makes a hundred thousand of these in a second; what a
    plugin cannot keep up with is dropped, the oldest first, and counted. An exception is logged
    and counted.

    Example::

        @hookimpl
        def smoothop_handle(self, worker, event):
            self.seconds[worker.name] += event.duration
    """


@hookspec
def smoothop_panic(worker: Worker, event: PanicEvent, exception: BaseException) -> None:
    """An exception has left `handle` or `setup`.

    Called on the plugin's thread, once per panic. `exception` is the exception itself, with its
    traceback, and valid during the call only: keep its text, never the object, which holds the
    frames of the handler and all their objects alive. For that reason at most 16 exceptions wait
    for a slow plugin; one whose turn comes later gets a `SmoothopError` with the text instead. An
    exception that the implementation raises is logged and counted.

    Example::

        @hookimpl
        def smoothop_panic(worker, event, exception):
            lines = traceback.format_exception(exception)
            send_to_tracker(worker.name, event.attempt, "".join(lines))
    """


@hookspec
def smoothop_dispatch(worker: Worker, event: DispatchEvent) -> None:
    """A message was put into the worker's mailbox, or could not be: see ``event.ok``.

    Called on the plugin's thread, once per message; a worker takes a hundred thousand in a
    second. What a plugin cannot keep up with is dropped, the oldest first, and counted. An
    exception is logged and counted.

    Example::

        @hookimpl
        def smoothop_dispatch(self, worker, event):
            self.messages[worker.name, "ok" if event.ok else "refused"] += 1
    """


@hookspec
def smoothop_around_handle(
    worker: Worker, ctx: Context | AsyncContext
) -> AbstractContextManager[object] | None:
    """Return a context manager to be entered around one call of `handle`, or ``None``.

    Called in the worker itself, before each call of `handle`, on the worker's own thread or in
    its task; what it does delays the handler, so be quick and never block. A plain context
    manager serves sync and async handlers alike: for an async one it is left when the coroutine
    has ended. Context variables that it sets are seen by the handler, and should be reset when it
    is left. It sees the exception that leaves `handle`, but changes nothing: what its
    ``__exit__`` returns is ignored. If it has a method ``handle_returned(result)``, that is called
    before it is left with what `handle` has returned, which is not always a `HandleResult`. What
    any of it raises is logged and counted, and the handler is called as if it were not there.

    Example::

        @hookimpl
        def smoothop_around_handle(worker, ctx):
            return tracer.start_as_current_span(f"process {worker.name}")
    """


@hookspec
def smoothop_around_dispatch(worker: Worker) -> AbstractContextManager[object] | None:
    """Return a context manager to be entered around one dispatch to `worker`, or ``None``.

    Called by whoever sends the message, on that thread or in that task, before the message is
    put into the mailbox; be quick and never block. It is left when the message was accepted or
    refused, in which case it sees the exception but changes nothing. The context variables as they
    are when all have been entered go with the message: in `smoothop_around_handle` and in the
    handler they are ``ctx.sender_context``. They are kept for no other reason, so a message holds
    them only while some plugin has this hook. What any of it raises is logged and counted, and the
    message is sent as if it were not there.

    Example::

        @hookimpl
        def smoothop_around_dispatch(worker):
            return tracer.start_as_current_span(f"send {worker.name}")

        @hookimpl
        def smoothop_around_handle(worker, ctx):
            sender = ctx.sender_context          # None: there is no message
            return None if sender is None else trace(sender.get(current_request))
    """


@hookspec
def smoothop_stuck(worker: Worker, event: StuckEvent) -> None:
    """A call of `handle` takes longer than ``Config.stuck_after``; ``event.stack`` says where.

    Called on the plugin's thread, once per such call, while it still runs. An exception is logged
    and counted.

    Example::

        @hookimpl
        def smoothop_stuck(worker, event):
            page_somebody(f"{worker.name} hangs for {event.duration:.0f} s:", event.stack)
    """


@hookspec
def smoothop_http(app: Any) -> None:
    """Add routes to `app`, a starlette application of the plugin's own in the control server.

    Called once per `ControlServer`, before it listens, on the thread that starts it. The routes
    are found below ``/plugins/NAME``, with the plugin's name. Reading them (GET, HEAD) takes the
    right to look, everything else the right to change, as with the server's own; what is added
    later is denied. They are answered on the server's event loop: an endpoint that blocks must be
    a plain function, which runs on another thread. If an implementation raises, that is logged and
    counted, and the plugin may have no routes.

    Example::

        @hookimpl
        def smoothop_http(app):
            app.add_route("/hello", hello)      # GET /plugins/NAME/hello
    """
