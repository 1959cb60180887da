"""Hook plugins that write down what they are told, and operators they follow."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from smoothop import Operator, Registry, hookimpl, hookspecs

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON = 20.0
"""Seconds after which something has failed to happen."""


class Told(NamedTuple):
    """One call of a hook."""

    hook: str
    arguments: dict[str, Any]
    thread: str


class Recorder:
    """A plugin with the hooks named; `told` has the calls in order.

    `next` waits for the next call; `until` for one of a certain hook.
    """

    def __init__(self, *hooks: str) -> None:
        self.told: list[Told] = []
        self._calls: SimpleQueue[Told] = SimpleQueue()
        for hook in hooks:
            setattr(self, hook, self._implementation(hook))

    def next(self) -> Told:
        """Return the next call that was not asked for yet."""
        return self._calls.get(timeout=SOON)

    def until(self, hook: str) -> Told:
        """Return the next call of that hook."""
        while (told := self.next()).hook != hook:
            pass
        return told

    def _implementation(self, hook: str) -> Any:
        def note(**arguments: Any) -> None:
            told = Told(hook, arguments, threading.current_thread().name)
            self.told.append(told)
            self._calls.put(told)

        names = getattr(hookspecs, hook).__code__.co_varnames
        called = ", ".join(f"{name}={name}" for name in names)
        made: dict[str, Any] = {"note": note}
        exec(f"def {hook}({', '.join(names)}): note({called})", made)
        return hookimpl(made[hook])


class Blocked:
    """Stands in a hook until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def here(self) -> None:
        """Block the caller."""
        self.entered.set()
        assert self.let_go.wait(SOON)


@contextmanager
def followed(*plugins: Any, max_failures: int = 10, **named: Any) -> Iterator[Operator]:
    """Give an operator that the plugins follow; they are called p0, p1, ... unless named."""
    registry = Registry(max_failures=max_failures)
    for name, plugin in {f"p{number}": one for number, one in enumerate(plugins)}.items():
        registry.hooks.register(plugin, name)
    for name, plugin in named.items():
        registry.hooks.register(plugin, name)
    with Operator() as operator:
        registry.observe(operator)
        yield operator
