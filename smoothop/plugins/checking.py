"""What a hook plugin must look like: refused here, each with the hook and the right way.

A misspelt hook would otherwise just never be called, and an ``async`` one never run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from smoothop import hookspecs
from smoothop.errors import PluginError
from smoothop.plugins.wording import did_you_mean

if TYPE_CHECKING:
    from pluggy import HookimplOpts

PREFIX: Final = "smoothop_"
_MARK: Final = f"{hookspecs.PROJECT}_impl"


@cache
def specifications() -> Mapping[str, tuple[str, ...]]:
    """Return the name of each hook -> the names of its arguments."""
    functions = inspect.getmembers(hookspecs, inspect.isfunction)
    return {
        name: tuple(inspect.signature(function).parameters)
        for name, function in functions
        if name.startswith(PREFIX)
    }


def has_hooks(handler: object) -> bool:
    """Tell whether a handler has, or is meant to have, hooks of its own."""
    return not inspect.isroutine(handler) and any(
        name.startswith(PREFIX) or hasattr(_function(handler, name), _MARK) for name in dir(handler)
    )


def check_attribute(plugin: object, name: str, options: HookimplOpts | None) -> None:
    """Check one attribute of a plugin; `options` are those of its mark, if it has one.

    Raises:
        PluginError: it is meant for a hook and would never be called, or not as it is meant.
    """
    if options is None:
        _check_unmarked(name, _function(plugin, name))
        return
    hook = options.get("specname") or name
    function = getattr(plugin, name)
    if hook in specifications():
        _check_kind(hook, function, options)
        _check_arguments(hook, function)
    elif not options.get("optionalhook"):
        raise PluginError(f"there is no hook {hook}{_nearest(hook)} (at {_place(function)})")


def _check_unmarked(name: str, value: object) -> None:
    # Modules and classes may be called so: the packages of this project are.
    if not name.startswith(PREFIX) or isinstance(value, type) or inspect.ismodule(value):
        return
    if name in specifications() and callable(value):
        how = "mark it with @hookimpl" if _is_function(value) else "make it a plain function"
        raise PluginError(f"{name} would never be called: {how} (at {_place(value)})")
    if _is_function(value):
        raise PluginError(f"there is no hook {name}{_nearest(name)} (at {_place(value)})")


def _is_function(value: object) -> bool:
    return inspect.isfunction(value) or inspect.ismethod(value) or inspect.isbuiltin(value)


def _check_kind(hook: str, function: Callable[..., Any], options: HookimplOpts) -> None:
    wrong = None
    if options.get("wrapper") or options.get("hookwrapper"):
        wrong = "a hook wrapper"
    elif inspect.iscoroutinefunction(function):
        wrong = "async"
    elif inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        wrong = "a generator"
    if wrong:
        raise PluginError(f"{hook} must be a plain function, it is {wrong} (at {_place(function)})")


def _check_arguments(hook: str, function: Callable[..., Any]) -> None:
    known = specifications()[hook]
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue  # gets nothing
        if parameter.default is not parameter.empty:
            continue  # keeps its default: pluggy passes only what has none
        if parameter.name not in known:
            hint = did_you_mean(parameter.name, known) or f"; it has {', '.join(known)}"
            raise PluginError(
                f"{hook} has no argument {parameter.name!r}{hint} (at {_place(function)})"
            )
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise PluginError(
                f"{hook} gets its arguments by position: {parameter.name!r} must not be "
                f"keyword-only (at {_place(function)})"
            )


def _function(plugin: object, name: str) -> object:
    """Return the attribute without running a property's code, as pluggy does."""
    value = inspect.getattr_static(plugin, name, None)
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def _nearest(hook: str) -> str:
    return did_you_mean(hook, specifications())


def _place(function: object) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
