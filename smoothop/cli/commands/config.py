"""``smoothop config``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from smoothop.assembly.describe import describe_config
from smoothop.assembly.plan import plan_all
from smoothop.assembly.resolve import Value
from smoothop.cli.options import AsJson, ConfigOption
from smoothop.cli.problems import tell_problems, tell_warnings
from smoothop.cli.terminal import plugins_print_to_stderr, show, show_json
from smoothop.cli.toml import toml_lines

if TYPE_CHECKING:
    from smoothop.cli.application import Invocation


def command(
    context: typer.Context,
    show_origin: Annotated[
        bool, typer.Option("--show-origin", help="Show where each value comes from.")
    ] = False,  # noqa: FBT002 - typer makes a flag of it
    as_json: AsJson = False,  # noqa: FBT002
    config: ConfigOption = None,
) -> None:
    """Show the resolved configuration: what ``smoothop run --all`` would run, and how."""
    invocation: Invocation = context.obj
    resolved = invocation.resolve(config)
    tell_warnings(resolved.warnings)
    with plugins_print_to_stderr():
        registry = invocation.discover(resolved)
        registry.load_plugins()
        plan = plan_all(resolved, registry)
        tree, problems = describe_config(resolved, plan, registry)
    if as_json:
        file = None if resolved.file is None else str(resolved.file)
        show_json({"file": file, **_plain(tree, show_origin=show_origin)})
    else:
        show(*toml_lines(tree, show_origin=show_origin))
    tell_warnings(plan.left_out)
    code = tell_problems((*resolved.problems, *problems))
    if code:
        raise typer.Exit(code)


def _plain(tree: Any, *, show_origin: bool) -> Any:
    if isinstance(tree, Value):
        return {"value": tree.value, "origin": tree.origin} if show_origin else tree.value
    if isinstance(tree, list):
        return [_plain(one, show_origin=show_origin) for one in tree]
    return {key: _plain(value, show_origin=show_origin) for key, value in tree.items()}
