"""The resolved configuration: each value, and where it comes from.

Order, the first that says something wins: flags, environment (``SMOOTHOP_*``), file, defaults.
What is switched off is added up instead: `disable` in the file and ``SMOOTHOP_DISABLE_PLUGINS``
both count. Everything in the file is checked, also what a flag overrides.

Relative paths in the settings of a handler are left as they are written: they are relative to
the directory in which smoothop is run, as in every other command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smoothop._names import is_name
from smoothop.assembly import schema
from smoothop.assembly.addresses import is_loopback, parse_address
from smoothop.assembly.file import ConfigFile, find_file
from smoothop.assembly.problems import (
    Problem,
    ProblemsError,
    checked,
    nearest,
    nearest_word,
    unknown_key,
    written,
)
from smoothop.assembly.schema import Check, Settled
from smoothop.plugins.discovery import PLUGINS, find_published

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Value:
    """A value and its origin: a flag, a variable, a table of the file, or ``"default"``."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class WorkerTable:
    """One worker as the configuration describes it.

    Attributes:
        name: the worker's name.
        handler: which handler it runs: ``name`` or ``name@distribution``.
        config: the fields of `Config` that are given.
        settings: what is given for the handler's ``Settings``, not checked yet; ``None`` if
            nothing is.
        where: how messages call the place where it is described.
        wrong: its keys that are misspelt or whose values were refused: what they should be is not
            known.
    """

    name: str
    handler: Value
    config: Mapping[str, Value] = field(default_factory=dict)
    settings: Mapping[str, Any] | None = None
    where: str = DEFAULT
    wrong: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resolved:
    """The whole configuration, as far as it can be known without any plugin.

    Attributes:
        file: the configuration file, or ``None``.
        operator: key of ``[operator]`` -> value.
        control: key of ``[control]`` -> value.
        plugins: key of ``[plugins]`` -> value, `disable` excepted.
        disable: names that are switched off.
        workers: worker's name -> its table, in the order of the file.
        unsound_workers: names of those in the file that are no tables, have bad names, or do not
            say which handler they run.
        knows_workers: whether the file could be read, and `workers` in it is a table or not there.
        problems: everything that is wrong.
        warnings: what is most likely a slip, but stops nothing.
    """

    file: Path | None
    operator: Mapping[str, Value]
    control: Mapping[str, Value]
    plugins: Mapping[str, Value]
    disable: tuple[Value, ...]
    workers: Mapping[str, WorkerTable]
    unsound_workers: frozenset[str]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    knows_workers: bool = True

    @property
    def disabled_in_file(self) -> tuple[str, ...]:
        """What the file switches off, for `Registry.discover`, which reads the variable itself."""
        return tuple(name.value for name in self.disable if name.origin != schema.DISABLE_VARIABLE)


def load(
    directory: Path,
    environ: Mapping[str, str],
    *,
    config: str | None = None,
    flags: Mapping[str, object] | None = None,
) -> Resolved:
    """Find the file and resolve the configuration; nothing is imported.

    Args:
        directory: where to look for the file.
        environ: the environment; an empty variable counts as not set.
        config: the path after ``--config``, if given.
        flags: key of ``[operator]`` or ``[control]`` -> what its flag says, or ``None``.
    """
    try:
        explicit = environ.get(schema.CONFIG_VARIABLE) or None if config is None else config
        file = find_file(directory, explicit)
    except ProblemsError as error:
        resolved = resolve(ConfigFile(), environ, flags or {})
        problems = (*error.problems, *resolved.problems)
        return replace(resolved, problems=problems, knows_workers=False)
    return resolve(file, environ, flags or {})


def resolve(file: ConfigFile, environ: Mapping[str, str], flags: Mapping[str, object]) -> Resolved:
    """Resolve the configuration from what each source says; a pure function."""
    problems: list[Problem] = []
    tables = _checked_table(file.tables, schema.TABLES, file, (), problems)
    sources = _Sources(file, tables, environ, flags)
    operator = _settled(schema.SETTLED["operator"], sources, problems)
    control = _settled(schema.SETTLED["control"], sources, problems)
    problems += _contradictions(control)
    plugins = _checked_table(
        tables.get("plugins", {}), schema.PLUGINS, file, ("plugins",), problems
    )
    workers = _workers(tables.get("workers", {}), file, problems)
    return Resolved(
        file=file.path,
        operator=operator,
        control=control,
        plugins={
            key: Value(plugins[key], file.place("plugins"))
            if key in plugins
            else Value(value, DEFAULT)
            for key, value in schema.PLUGINS_DEFAULTS.items()
        },
        disable=tuple(_disable(plugins.get("disable", ()), file, environ)),
        workers=workers,
        unsound_workers=frozenset(tables.get("workers", {})) - frozenset(workers),
        problems=tuple(problems),
        warnings=tuple(_unknown_variables(environ)),
        knows_workers="workers" in tables or "workers" not in file.tables,
    )


def _checked_table(
    table: Mapping[str, Any],
    checks: Mapping[str, Check],
    file: ConfigFile,
    path: tuple[str, ...],
    problems: list[Problem],
) -> dict[str, Any]:
    """Return the entries of `table` that are right, and note what is wrong with the others."""
    place = file.place(*path)
    right: dict[str, Any] = {}
    for key, value in table.items():
        if key not in checks:
            problems.append(unknown_key(key, checks, place))
            continue
        outcome = checked(checks[key], value, key, f"{place} {key}")
        if isinstance(outcome, Problem):
            problems.append(outcome)
        else:
            right[key] = outcome
    return right


@dataclass(frozen=True, slots=True)
class _Sources:
    file: ConfigFile
    tables: Mapping[str, Any]
    environ: Mapping[str, str]
    flags: Mapping[str, object]


def _settled(kind: Settled, sources: _Sources, problems: list[Problem]) -> dict[str, Value]:
    """Return the values of a table that flags and variables override."""
    file = sources.file
    table = sources.tables.get(kind.name, {})
    in_file = _checked_table(table, kind.checks, file, (kind.name,), problems)
    overrides = (*_from_variables(kind, sources.environ), *_from_flags(kind, sources.flags))
    found = {key: Value(value, DEFAULT) for key, value in kind.defaults.items()}
    found |= {key: Value(value, file.place(kind.name)) for key, value in in_file.items()}
    for key, value, origin in overrides:
        outcome = checked(kind.text_checks[key], value, key, origin)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        else:
            found[key] = Value(outcome, origin)
    return found


def _from_variables(kind: Settled, environ: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    for variable, key in kind.variables.items():
        if environ.get(variable):
            yield key, environ[variable], variable


def _from_flags(kind: Settled, flags: Mapping[str, object]) -> Iterator[tuple[str, object, str]]:
    for key, value in flags.items():
        if value is not None and key in kind.checks:
            yield key, value, schema.FLAGS.get(key, f"--{key.replace('_', '-')}")


def _contradictions(control: Mapping[str, Value]) -> Iterator[Problem]:
    http = control["http"]
    if http.value is None:
        return
    if not control["enabled"].value:
        origin = control["enabled"].origin
        yield Problem(http.origin, f"http: there is no control server to listen there ({origin})")
    host, _ = parse_address(http.value)
    if control["token_file"].value is None and not is_loopback(host):
        yield Problem(
            http.origin,
            f"http: {host} can be reached from elsewhere; that takes a token: --token-file FILE "
            "(made if it is missing)",
        )


def _disable(
    in_file: Iterable[str], file: ConfigFile, environ: Mapping[str, str]
) -> Iterator[Value]:
    for name in environ.get(schema.DISABLE_VARIABLE, "").split(","):
        if name.strip():
            yield Value(name.strip(), schema.DISABLE_VARIABLE)
    for name in in_file:
        yield Value(name, file.place("plugins"))


def _workers(
    tables: Mapping[str, Any], file: ConfigFile, problems: list[Problem]
) -> dict[str, WorkerTable]:
    found = {}
    for name, table in tables.items():
        place = file.place("workers", name)
        if not is_name(name):
            problems.append(Problem(place, _bad_name(name)))
        elif not isinstance(table, dict):
            problems.append(Problem(place, f"a worker is a table, not {written(table)}"))
        else:
            worker = _worker(name, table, file, problems)
            if "handler" not in worker.wrong:
                found[name] = worker
    return found


def _bad_name(name: str) -> str:
    return (
        f"{written(name)} is no name for a worker: 1 to 64 of the characters A-Z a-z 0-9 . _ -, "
        "the first a letter or a digit"
    )


def _worker(
    name: str, table: Mapping[str, Any], file: ConfigFile, problems: list[Problem]
) -> WorkerTable:
    right = _checked_table(table, schema.WORKER, file, ("workers", name), problems)
    place = file.place("workers", name)
    refused = table.keys() & schema.WORKER.keys()
    meant = {nearest_word(key, schema.WORKER) for key in table.keys() - schema.WORKER.keys()}
    return WorkerTable(
        name=name,
        handler=Value(right.get("handler", name), place if "handler" in right else DEFAULT),
        config={
            key: Value(value, place) for key, value in right.items() if key in schema.WORKER_FIELDS
        },
        settings=right.get("settings"),
        where=place,
        wrong=frozenset(filter(None, refused | meant)) - frozenset(right),
    )


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    ours = {variable for variable in environ if variable.startswith("SMOOTHOP_")}
    unknown = ours.difference(schema.KNOWN_VARIABLES)
    # The installed distributions are only asked when there is something to ask.
    for variable in sorted(_of_no_plugin(unknown) if unknown else ()):
        yield (
            f"the environment variable {variable} means nothing to smoothop"
            f"{nearest(variable, schema.KNOWN_VARIABLES)}"
        )


def _of_no_plugin(variables: Iterable[str]) -> set[str]:
    """Return those that do not begin with ``SMOOTHOP_`` and the name of a hook plugin."""
    names = [one.name for one in find_published() if one.group == PLUGINS]
    theirs = tuple(f"SMOOTHOP_{re.sub('[.-]', '_', name).upper()}_" for name in names)
    return {variable for variable in variables if not variable.startswith(theirs)}
