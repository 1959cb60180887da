"""What the environment tells the plugin; read at the first message, never at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

POLLS: Final = "SMOOTHOP_OPENTELEMETRY_POLLS"
PARENT: Final = "SMOOTHOP_OPENTELEMETRY_PARENT"


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen.

    Attributes:
        traces_polls: whether a call without a message has a span.
        continues_trace: whether a `process` span is a child of its `send` span, in the same trace;
            otherwise it begins a trace of its own. It is linked to it in both cases.
    """

    traces_polls: bool = False
    continues_trace: bool = True


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return what is chosen. An empty variable counts as not set.

    Raises:
        ValueError: names the variable, what it says and what it may say.
    """
    return Settings(
        traces_polls=_choice(environ, POLLS, ("off", "on")) == "on",
        continues_trace=_choice(environ, PARENT, ("send", "none")) == "send",
    )


def _choice(environ: Mapping[str, str], variable: str, choices: tuple[str, ...]) -> str:
    text = environ.get(variable, "").strip().lower() or choices[0]
    if text not in choices:
        raise ValueError(f"{variable}: {text!r} is neither {choices[0]!r} nor {choices[1]!r}")
    return text
