"""The control server of `smoothop run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothop.assembly.assemble import Assembly
    from smoothop.assembly.resolve import Resolved
    from smoothop.cli.signals import SignalLadder
    from smoothop.plugins.registry import Registry


def start_control(
    resolved: Resolved, assembly: Assembly, registry: Registry, ladder: SignalLadder
) -> Callable[[], None]:
    """Start the control server, unless it is switched off; return what ends it.

    Raises:
        ControlStartError: it cannot start; says why, and what to do.
    """
    value = {key: given.value for key, given in resolved.control.items()}
    if not value["enabled"]:
        return lambda: None
    from smoothop.control.facts import facts_of  # noqa: PLC0415 - 100 ms, only with control
    from smoothop.control.server import ControlServer  # noqa: PLC0415 - the same

    def end() -> None:
        ladder.begin_stop()
        ladder.announce(f"asked by a client: stopping, for at most {ladder.grace:g} s")

    server = ControlServer(
        assembly.operator,
        name=resolved.operator["name"].value,
        read_only=value["read_only"],
        facts=facts_of(assembly.workers, registry),
        end=end,
    )
    server.start()
    return server.close
