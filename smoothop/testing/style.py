"""`Style`: how a simulation treats its threads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How a seed treats the threads.

    Attributes:
        eager: chance to let another thread on at a switch point; low values run long stretches.
        lag: chance at a switch point that time jumps to the next timer, if that is less than
            `most_lag` away, although threads could run: as on a machine that is too busy.
        most_lag: the longest such jump, in seconds.
        by_line: chance to let another thread on at each line of the engine, as the interpreter
            may; makes a simulation some ten times slower.
        spawn_fails: chance that no thread can be started.
        most_steps: switch points after which the simulation counts as endless.
    """

    eager: float = 0.5
    lag: float = 0.0
    most_lag: float = 1.0
    by_line: float = 0.0
    spawn_fails: float = 0.0
    most_steps: int = 200_000
