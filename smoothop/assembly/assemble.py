"""From a plan to an operator with its workers added, none started.

Everything is checked before anything is made: every handler is imported and its settings are
read; only if nothing is wrong are the handlers created.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from smoothop.assembly.plan import COMMAND_LINE, Plan, PlannedWorker
from smoothop.assembly.problems import Problem, ProblemsError
from smoothop.assembly.resolve import Value
from smoothop.config import Config
from smoothop.engine.operator import Operator
from smoothop.errors import ConfigError, InvalidHandlerError, PluginLoadError
from smoothop.handlers import handler_calls

if TYPE_CHECKING:
    from smoothop.plugins.registry import Registry


@dataclass(slots=True)
class Assembly:
    """An operator that is being made ready to start.

    Attributes:
        operator: to which the workers are added.
        workers: those that were added, in order.
        left_out: messages about what was found but will not run.
        problems: what must be put right before anything can start.
    """

    operator: Operator
    workers: list[PlannedWorker] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def assemble(
    plan: Plan,
    registry: Registry,
    operator: Operator,
    *,
    before_each: Callable[[], None] = lambda: None,
) -> Assembly:
    """Import, check and create the handlers of a plan and add them to `operator`.

    Runs code of plugins on the calling thread.

    Args:
        plan: what is to run.
        registry: where its handlers come from.
        operator: gets the workers; when this raises, it may have got some of them.
        before_each: called before each step that runs code of a plugin; may raise to end it all.

    Raises:
        ProblemsError: all that is wrong, the plan's own problems included.
    """
    assembly = Assembly(operator, [], list(plan.left_out), list(plan.problems))
    sound = []
    for worker in plan.workers:
        before_each()
        problems = check(worker, registry)
        _sort_in(assembly, worker, problems)
        if not problems:
            sound.append(worker)
    _raise_problems(assembly)
    for worker in sound:
        before_each()
        _add(assembly, worker, registry)
    _raise_problems(assembly)
    return assembly


def check(worker: PlannedWorker, registry: Registry) -> list[Problem]:
    """Import the handler of a worker; return what is wrong with it, its settings or its config.

    What only seems wrong because a value of its table was refused is none of it.
    """
    where, reference, wrong = worker.table.where, worker.table.handler.value, worker.table.wrong
    try:
        own = own_config(registry.load(reference))
        is_told = "settings" in wrong
        found = [] if is_told else registry.check_settings(reference, worker.table.settings)
    except PluginLoadError as error:
        return [Problem(where, str(error), is_load_failure=True)]
    except ConfigError as error:
        return [Problem(where, str(error))]
    if where == COMMAND_LINE:  # which says nothing of whose settings they are
        where = f"{where}: {worker.info.label}:"
    problems = [Problem(f"{where} settings", problem) for problem in found]
    if wrong <= {"settings"}:
        try:
            merged_config(own, worker.table.config)
        except ValueError as error:
            problems.append(Problem(where, str(error)))
    return problems


def own_config(target: Any) -> Config | None:
    """Return the config that a handler brings, as far as it can be told without creating it."""
    config = getattr(target, "config", None)
    return config if isinstance(config, Config) else None


def merged_config(own: Config | None, fields: Mapping[str, Value]) -> Config:
    """Return a worker's config: the fields given, above the handler's own, above the defaults.

    Raises:
        ValueError: the fields do not go together.
    """
    return replace(own or Config(), **{name: given.value for name, given in fields.items()})


def _add(assembly: Assembly, worker: PlannedWorker, registry: Registry) -> None:
    try:
        reference, settings = worker.table.handler.value, worker.table.settings
        handler = registry.create(reference, settings)
        config = merged_config(handler_calls(handler).config, worker.table.config)
        maker = registry.maker(reference, settings)
        assembly.operator.add_handler(worker.table.name, handler, config, _maker=maker)
    except (ConfigError, ValueError) as error:
        _sort_in(assembly, worker, [Problem(worker.table.where, str(error))])
    except (PluginLoadError, InvalidHandlerError) as error:
        _sort_in(assembly, worker, [Problem(worker.table.where, str(error), is_load_failure=True)])
    else:
        assembly.workers.append(worker)


def _sort_in(assembly: Assembly, worker: PlannedWorker, problems: Iterable[Problem]) -> None:
    """What was asked for must run; what was merely discovered may be left out."""
    if worker.is_requested:
        assembly.problems.extend(problems)
    else:
        assembly.left_out += left_out(worker, problems)


def left_out(worker: PlannedWorker, problems: Iterable[Problem]) -> list[str]:
    """Return the messages that say why a worker is left out which nobody has asked for."""
    label = worker.info.label
    whats = (found.what for found in problems)
    return [what if what.startswith(label) else f"{label}: {what}" for what in whats]


def _raise_problems(assembly: Assembly) -> None:
    if assembly.problems:
        raise ProblemsError(assembly.problems)
