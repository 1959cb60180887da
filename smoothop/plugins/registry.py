"""`Registry`: the handlers and hook plugins that are installed, loaded when they are needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from smoothop._names import checked_name
from smoothop.plugins import making
from smoothop.plugins.catalogue import Catalogue, Slot
from smoothop.plugins.discovery import HANDLERS, find_published
from smoothop.plugins.info import HandlerInfo, PluginInfo
from smoothop.plugins.loading import classify
from smoothop.plugins.switches import MAX_FAILURES, Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pluggy import PluginManager

    from smoothop.engine.operator import Operator
    from smoothop.plugins.discovery import Published
    from smoothop.plugins.hooks import Hooks
    from smoothop.plugins.info import State

_NOTHING_OFF = Switches({})


class Registry:
    """The handlers that can be run, by name.

    `discover` fills it from the metadata of installed distributions; ``Registry()`` is empty, and
    `add` fills it from code. Making one imports no plugin. A handler is imported by the first
    `load`, `create`, `settings_type` or `check_settings` of it. Hook plugins are imported by the
    first use of `hooks` or `load_plugins`, or when a name is asked for that no metadata publishes,
    because a hook plugin may add it.

    A *reference* is the name of a handler, or ``name@distribution`` where two distributions
    publish the same name. A registry is used by one thread at a time.
    """

    def __init__(
        self, *, switches: Switches = _NOTHING_OFF, max_failures: int = MAX_FAILURES
    ) -> None:
        self._switches = switches
        self._max_failures = max_failures
        self._catalogue = Catalogue()
        self._plugins: list[PluginInfo] = []
        self._hooks: Hooks | None = None
        self._origin: PluginInfo | None = None  # whose smoothop_add_handlers is running
        self._added: list[Slot] = []  # by it

    @classmethod
    def discover(
        cls,
        *,
        disable: Iterable[str] = (),
        no_plugins: bool = False,
        max_failures: int = MAX_FAILURES,
        environ: Mapping[str, str] | None = None,
    ) -> Registry:
        """Read what the distributions on ``sys.path`` publish; import none of it.

        Args:
            disable: names of entry points or distributions to leave out; added to those in
                ``SMOOTHOP_DISABLE_PLUGINS``.
            no_plugins: import no hook plugin and call no hook, as with
                ``SMOOTHOP_NO_PLUGINS=1``.
            max_failures: how often in a row a hook may fail before its plugin is switched off;
                0: always.
            environ: the environment variables; default: those of the process.
        """
        variables = os.environ if environ is None else environ
        switches = Switches.read(disable, no_plugins, variables)
        registry = cls(switches=switches, max_failures=max_failures)
        for published in find_published():
            registry._take(published)
        return registry

    @property
    def handlers(self) -> tuple[HandlerInfo, ...]:
        """All known handlers, usable or not, sorted by name, then by distribution."""
        return self._catalogue.infos()

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """All known hook plugins, sorted by name; ``unchecked`` until they are loaded."""
        return tuple(self._plugins if self._hooks is None else self._hooks.infos)

    @property
    def hooks(self) -> PluginManager:
        """The plugin manager; its first use imports the hook plugins, as `load_plugins` does.

        A plugin is registered under ``name@distribution``.
        """
        return self._loaded_hooks().manager

    def load_plugins(self) -> None:
        """Import the hook plugins and let them add handlers; does nothing the second time.

        A plugin that cannot be loaded is logged, left out, and ``broken`` in `plugins`.
        """
        self._loaded_hooks()

    def call_hook(self, hook: str, /, **arguments: Any) -> None:
        """Call each implementation of a hook on its own; one that raises is logged.

        Args:
            hook: the name of the hook, for example ``"smoothop_cli"``.
            arguments: all arguments of its specification.
        """
        self.call_hook_each(hook, lambda _: arguments)

    def call_hook_each(
        self, hook: str, arguments_for: Callable[[PluginInfo], Mapping[str, Any]]
    ) -> None:
        """Do what `call_hook` does, with arguments of its own for each plugin.

        Args:
            hook: the name of the hook.
            arguments_for: makes the arguments for a plugin; called right before the plugin is.
        """
        hooks = self._loaded_hooks()
        for plugin in hooks.in_order(hook):
            hooks.call(plugin, hook, **arguments_for(plugin.info))

    def observe(self, operator: Operator) -> None:
        """Let the hook plugins follow an operator; call it before workers are added.

        `Operator.from_registry` and ``smoothop run`` do. Those plugins follow it that are
        registered now; each is called on a thread of its own, which starts with the operator's
        first worker. Does nothing where hook plugins are switched off altogether.

        Raises:
            InvalidHandlerError: a handler the operator has already has wrong hooks of its own.
            OperatorClosedError: the operator is closed.
        """
        from smoothop.plugins.around import HOOKS  # noqa: PLC0415 - only here
        from smoothop.plugins.relay import Relay  # noqa: PLC0415 - it imports pluggy

        if not self._switches.no_plugins:
            hooks = self._loaded_hooks()
            inside = {hook: hooks.in_order(hook) for hook in HOOKS}
            operator.observe(Relay(hooks.plugins(), inside, self._max_failures))

    def find(self, reference: str) -> HandlerInfo:
        """Return what is known about a handler, without importing it.

        Raises:
            ConfigError: there is none of that name (suggests the nearest), or there is one from
                each of several distributions (says how to choose).
        """
        return self._slot(reference).info

    def load(self, reference: str) -> Any:
        """Import a handler and return the class, object, function or factory it names.

        The outcome, good or bad, is kept: the import is tried once.

        Raises:
            ConfigError: as in `find`; or it is disabled.
            PluginLoadError: it cannot be imported or is no handler; the exception is the
                ``__cause__``, the message names the failing line and the ways to remove it.
        """
        return making.load(self._slot(reference)).value

    def create(self, reference: str, settings: Mapping[str, Any] | None = None) -> Any:
        """Return a handler that is ready for `Operator.add_handler`.

        A class is called without arguments, or with its ``Settings`` made from `settings`; a
        factory is called; an object or a function is returned as it is.

        Args:
            reference: which handler.
            settings: keys and values for the ``Settings`` of the handler's class.

        Raises:
            ConfigError: as in `load`; or the settings have problems, all of which it lists.
            PluginLoadError: as in `load`; or the class or factory raised or made no handler.
        """
        return making.make(self._slot(reference), settings)

    def maker(
        self, reference: str, settings: Mapping[str, Any] | None = None
    ) -> Callable[[], Any] | None:
        """Return a function that does what `create` did in another process, if there is one.

        It can be pickled if the settings can, whatever the handler is. There is none for a handler
        that was added from code: only this process has it.
        """
        return making.maker(self._slot(reference), settings)

    def settings_type(self, reference: str) -> type | None:
        """Return the ``Settings`` of a handler's class, or ``None``; raises as `load` does."""
        return making.load(self._slot(reference)).settings_type

    def check_settings(self, reference: str, settings: Mapping[str, Any] | None) -> list[str]:
        """Return what is wrong with the settings, without creating the handler.

        Each problem names its key. Raises as `load` does.
        """
        return making.check_settings(self._slot(reference), settings)[1]

    def add(self, name: str, handler: Any, *, distribution: str | None = None) -> None:
        """Add a handler from code.

        Args:
            name: the handler's name.
            handler: what an entry point may name: a class, an object, a function or a factory.
            distribution: where it comes from; inside `smoothop_add_handlers` the default is the
                distribution of the plugin.

        Raises:
            ValueError: the name is malformed.
            InvalidHandlerError: `handler` is no handler.
            PluginError: `distribution` has added this name before.
        """
        loaded = classify(handler)
        origin = self._origin if distribution is None else None
        state, error = self._state(
            checked_name(name), origin.distribution if origin else distribution
        )
        info = HandlerInfo(
            name=name,
            target=_target(handler),
            distribution=origin.distribution if origin else distribution,
            version=origin.version if origin else None,
            state="ok" if state == "unchecked" else state,
            error=error,
        )
        slot = Slot(info, loaded, is_published=False)
        self._catalogue.add(slot)
        self._added.append(slot)

    def _slot(self, reference: str) -> Slot:
        slot = self._catalogue.find(reference)
        if slot is None:
            self.load_plugins()  # one of them may add it
            slot = self._catalogue.find(reference)
        if slot is None:
            raise self._catalogue.unknown(reference)
        return slot

    def _loaded_hooks(self) -> Hooks:
        if self._hooks is None:
            # Not imported above: who only runs handlers does not pay for pluggy.
            from smoothop.plugins.hooks import Hooks  # noqa: PLC0415

            self._hooks = Hooks(self._plugins, self._max_failures)
            self._add_handlers(self._hooks)
        return self._hooks

    def _add_handlers(self, hooks: Hooks) -> None:
        for plugin in hooks.in_order("smoothop_add_handlers"):
            self._origin, self._added = plugin.info, []
            if not hooks.call(plugin, "smoothop_add_handlers", registry=self):
                for slot in self._added:
                    self._catalogue.remove(slot)
        self._origin = None

    def _take(self, published: Published) -> None:
        state, error = self._state(published.name, published.distribution)
        if state == "unchecked" and published.error is not None:
            state, error = "broken", published.error
        of_both = (published.name, published.target, published.distribution, published.version)
        if published.group == HANDLERS:
            self._catalogue.add(Slot(HandlerInfo(*of_both, state, error)))
        elif self._switches.no_plugins and state != "disabled":
            self._plugins.append(PluginInfo(*of_both, "disabled", "disabled with all hook plugins"))
        else:
            self._plugins.append(PluginInfo(*of_both, state, error))

    def _state(self, name: str, distribution: str | None) -> tuple[State, str | None]:
        disabled = self._switches.disabled_by(name, distribution)
        return ("unchecked", None) if disabled is None else ("disabled", disabled)


def _target(handler: Any) -> str:
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    return f"{named.__module__}:{named.__qualname__}"
