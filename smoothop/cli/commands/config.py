"""``smoothop config``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smoothop.assembly.describe import describe_config, plain
from smoothop.assembly.disabled import slips
from smoothop.assembly.plan import plan_all
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
    ] = False,
    as_json: AsJson = False,
    config: ConfigOption = None,
) -> None:
    """Show the resolved configuration: what would run, and how.

    It is that of "smoothop run --all" in this directory.
    """
    invocation: Invocation = context.obj
    resolved = invocation.resolve(config)
    tell_warnings(resolved.warnings)
    with plugins_print_to_stderr():
        registry = invocation.discover(resolved)
        registry.load_plugins()
        tell_warnings(slips(resolved, registry))
        plan = plan_all(resolved, registry)
        tree, problems = describe_config(resolved, plan, registry)
    if as_json:
        file = None if resolved.file is None else str(resolved.file)
        show_json({"file": file, **plain(tree, with_origins=show_origin)})
    else:
        show(*toml_lines(tree, show_origin=show_origin))
    tell_warnings(plan.left_out)
    code = tell_problems((*resolved.problems, *problems))
    if code:
        raise typer.Exit(code)
