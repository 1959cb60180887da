"""`pulse`: a sign of life of what every worker of an operator depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.engine.completion import Completion
from smoothop.errors import SmoothopError

if TYPE_CHECKING:
    from smoothop.engine.operator import Operator


def pulse(operator: Operator) -> Completion:
    """Ask the operator's timers, and through them its event loop, to answer; from any thread.

    Workers on threads of their own do not answer: what their handlers do is their business.

    Returns:
        A completion that is done when both have come round to it: within milliseconds, or not
        before a handler lets go of the loop. It fails if the system gives no thread for timers.
    """
    means = operator._means  # noqa: SLF001 - the engine's own door
    answered = Completion(means.machine, (), "the operator's pulse")

    def ask_the_loop() -> None:
        host = means.host
        if host is None or not host.call_soon(answered.succeed):
            answered.succeed()

    try:
        means.timers.call_later(0, ask_the_loop)
    except RuntimeError as error:
        answered.fail(SmoothopError(f"the operator's timers do not run: {error}"))
    return answered
