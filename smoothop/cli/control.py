"""The control server of `smoothop run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothop.assembly.assemble import Assembly
    from smoothop.assembly.resolve import Resolved
    from smoothop.control.server import ControlServer
    from smoothop.plugins.registry import Registry


def start_control(
    resolved: Resolved, assembly: Assembly, registry: Registry
) -> ControlServer | None:
    """Start the control server, unless it is switched off.

    Raises:
        ControlStartError: it cannot start; says why, and what to do.
    """
    value = {key: given.value for key, given in resolved.control.items()}
    if not value["enabled"]:
        return None
    from smoothop.control.facts import facts_of  # noqa: PLC0415 - takes 100 ms
    from smoothop.control.server import ControlServer  # noqa: PLC0415 - the same

    server = ControlServer(
        assembly.operator,
        name=resolved.operator["name"].value,
        http=value["http"],
        token_file=value["token_file"],
        read_only=value["read_only"],
        show_payloads=value["show_payloads"],
        registry=registry,
        facts=facts_of(assembly.workers, registry),
    )
    server.start()
    return server
