"""The control server of `smoothop run`, and the stacks that its process writes at a signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothop.assembly.assemble import Assembly
    from smoothop.assembly.resolve import Resolved
    from smoothop.cli.signals import SignalLadder
    from smoothop.control.dump import StackDump
    from smoothop.control.server.server import ControlServer
    from smoothop.plugins.registry import Registry


@dataclass(frozen=True, slots=True)
class Control:
    """What lets others look into this process; nothing, where it is switched off."""

    server: ControlServer | None = None
    dump: StackDump | None = None

    @property
    def url(self) -> str | None:
        """Where it listens over TCP, if it does."""
        return None if self.server is None else self.server.url

    def close(self) -> None:
        """End it."""
        for part in (self.dump, self.server):
            if part is not None:
                part.close()


def start_control(
    resolved: Resolved, assembly: Assembly, registry: Registry, ladder: SignalLadder
) -> Control:
    """Start the control server, unless it is switched off.

    Raises:
        ControlStartError: it cannot start; says why, and what to do.
    """
    value = {key: given.value for key, given in resolved.control.items()}
    if not value["enabled"]:
        return Control()
    from smoothop.control.dump import StackDump  # noqa: PLC0415 - only with control
    from smoothop.control.server.facts import facts_of  # noqa: PLC0415 - takes 100 ms
    from smoothop.control.server.server import ControlServer  # noqa: PLC0415 - the same

    def end() -> None:
        # First, so that what comes of it is told after it.
        ladder.announce(f"asked by a client: stopping, for at most {ladder.grace:g} s")
        ladder.begin_stop()

    server = ControlServer(
        assembly.operator,
        name=resolved.operator["name"].value,
        http=value["http"],
        token_file=value["token_file"],
        read_only=value["read_only"],
        show_payloads=value["show_payloads"],
        registry=registry,
        facts=facts_of(assembly.workers, registry),
        end=end,
    )
    server.start()
    return Control(server, None if server.place is None else StackDump(server.place))
