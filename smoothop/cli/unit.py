"""The systemd unit of a service that runs `smoothop run`; a pure function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STOP_MARGIN: Final = 5
"""Seconds that systemd waits beyond the grace time before it kills."""

_LONGEST: Final = 1e9
"""Seconds above which a stop has no limit for systemd: more than 30 years."""

_HARDENING: Final = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077"""


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    """What a unit says about one service.

    Attributes:
        name: the operator's name.
        command: program and arguments; the program by its absolute path.
        directory: where it runs; the one place where it may write.
        user: the account it runs as; ``None`` for one that systemd makes up.
        grace: seconds that the workers have to stop.
    """

    name: str
    command: Sequence[str]
    directory: Path
    user: str | None
    grace: float

    def text(self) -> str:
        """Return the unit file."""
        return "\n".join(("[Unit]", *self._unit(), "", "[Service]", *self._service(), *_INSTALL))

    def _unit(self) -> Iterator[str]:
        yield f"Description=smoothop operator {self.name}"
        yield "Wants=network-online.target"
        yield "After=network-online.target"
        yield "StartLimitIntervalSec=300"
        yield "StartLimitBurst=10"

    def _service(self) -> Iterator[str]:
        yield "Type=notify"
        yield "NotifyAccess=main"
        yield f"ExecStart={' '.join(map(quoted, self.command))}"
        yield f"WorkingDirectory={_escaped(str(self.directory))}"
        yield from self._account()
        yield "Environment=XDG_RUNTIME_DIR=%t/" + f"smoothop-{self.name}"
        yield f"RuntimeDirectory=smoothop-{self.name}"
        yield "RuntimeDirectoryMode=0700"
        yield "# Wrong usage or configuration does not heal by itself."
        yield "Restart=on-failure"
        yield "RestartPreventExitStatus=2"
        yield "RestartSec=2"
        yield "WatchdogSec=30"
        yield "# The operator stops its workers itself; what is left in the end is killed."
        yield "KillMode=mixed"
        yield f"TimeoutStopSec={_seconds(self.grace + STOP_MARGIN)}"
        yield ""
        yield from _HARDENING.split("\n")

    def _account(self) -> Iterator[str]:
        if self.user is None:
            yield "# An account of systemd's making, which may write to its state directory only."
            yield "DynamicUser=yes"
            yield f"StateDirectory=smoothop-{self.name}"
        else:
            yield f"User={self.user}"
            yield f"ReadWritePaths={quoted(str(self.directory))}"


_INSTALL = ("", "[Install]", "WantedBy=multi-user.target")


def quoted(word: str) -> str:
    """Return a word as one word of a unit's command line or list."""
    escaped = _escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    escaped = escaped.replace("$", "$$")
    plain = word and not any(char.isspace() or char in "\"'\\;#" for char in word)
    return escaped if plain else f'"{escaped}"'


def _seconds(number: float) -> str:
    """Return a time span as systemd reads one: no exponents, and of what is too long no end."""
    return "infinity" if number > _LONGEST else f"{number:.3f}".rstrip("0").rstrip(".")


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
