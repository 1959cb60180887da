"""What an import does to the process beside defining things; run by `probe` in a new process."""

from __future__ import annotations

import asyncio
import json  # noqa: F401 - here to be watched, as the next ones are
import locale
import logging
import os
import signal
import socket
import subprocess  # noqa: F401
import sys
import threading
import time  # noqa: F401
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from smoothop.testing.report import Finding

_ADVICE: Final = "Do it in setup(), or leave it to who runs the program"

_SHARED: Final = frozenset({*sys.stdlib_module_names, "smoothop"})

_WATCHED: Final[Mapping[str, tuple[Callable[[], Any], str]]] = {
    "the working directory": (os.getcwd, "Relative paths of all others now mean something else"),
    "environment variables": (
        lambda: dict(os.environ),
        "Other plugins and child processes get them too",
    ),
    "sys.path": (lambda: list(sys.path), "Other imports may now find other modules"),
    "signal handlers": (
        lambda: {
            number.name: signal.getsignal(number)
            for number in signal.valid_signals()
            if isinstance(number, signal.Signals)
        },
        "smoothop run needs SIGINT and SIGTERM to stop cleanly",
    ),
    "the root logger": (
        lambda: [logging.root.level, *logging.root.handlers],
        "How logs are written is decided by the program, once",
    ),
    "logging as a whole": (
        lambda: [
            logging.root.manager.disable,
            logging.getLoggerClass(),
            logging.raiseExceptions,
            logging.getLogRecordFactory(),
        ],
        "How logs are written is decided by the program, once",
    ),
    "the event loop policy": (
        lambda: getattr(asyncio.events, "_event_loop_policy", None),
        "All async workers share an event loop that the operator makes",
    ),
    "the hooks for uncaught exceptions": (
        lambda: [sys.excepthook, threading.excepthook, sys.unraisablehook],
        "What others fail with would go elsewhere",
    ),
    "the locale": (
        lambda: locale.setlocale(locale.LC_ALL),
        "How others read and write numbers and text changes",
    ),
    "warning filters": (lambda: list(warnings.filters), "The warnings of all others are affected"),
    "the default timeout of sockets": (
        socket.getdefaulttimeout,
        "The connections of all others are affected",
    ),
    "the recursion limit": (sys.getrecursionlimit, "It protects the whole process"),
}


def effects_of(call: Callable[[], object], plugin: str) -> list[Finding]:
    """Call `call` and return what it has changed in this process."""
    directory = Path.cwd()
    files = set(directory.iterdir())
    before = {what: read() for what, (read, _) in _WATCHED.items()}
    threads, known = set(threading.enumerate()), dict(_callables())
    call()
    found = [
        _error(plugin, f"its import changes {what}: {_difference(before[what], read())}", why)
        for what, (read, why) in _WATCHED.items()
        if read() != before[what]
    ]
    found += [
        _error(
            plugin,
            f"its import starts a thread, {thread.name!r}",
            "It runs even where the plugin is only listed, and nobody stops it",
        )
        for thread in set(threading.enumerate()) - threads
    ]
    found += [
        _error(plugin, f"its import replaces {name}", "Everybody in the process gets the other one")
        for name, value in _callables()
        # A method that is new in a class which was there before counts, a new function does not.
        if known.get(name, known.get(name.rpartition(".")[0], value)) is not value
    ]
    found += [
        _error(
            plugin,
            f"its import writes a file into the working directory, {path.name!r}",
            "Plugins are imported only to be listed, too, and in any directory",
        )
        for path in sorted(set(directory.iterdir()) - files)
    ]
    return found


def _error(plugin: str, what: str, why: str) -> Finding:
    return Finding("error", plugin, what, why, _ADVICE)


def _callables() -> Iterator[tuple[str, Any]]:
    """Yield the functions, classes and methods that everybody shares: Python's own and ours."""
    for module, namespace in list(sys.modules.items()):
        if module.partition(".")[0] not in _SHARED:
            continue
        for name, value in list(getattr(namespace, "__dict__", {}).items()):
            if callable(value):
                yield f"{module}.{name}", value
            if isinstance(value, type) and value.__module__ == module:
                methods = list(vars(value).items())
                yield from ((f"{module}.{name}.{key}", m) for key, m in methods if callable(m))


def _difference(before: Any, after: Any) -> str:
    if isinstance(before, dict):
        keys = before.keys() | after.keys()
        return ", ".join(sorted(key for key in keys if before.get(key) != after.get(key)))
    if isinstance(before, list):
        changed = [item for item in after if item not in before]
        return ", ".join(map(repr, changed or after))
    return f"{before!r} -> {after!r}"
