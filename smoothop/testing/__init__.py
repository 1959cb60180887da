"""For tests: the production engine under virtual time, one thread at a time, from a seed.

Read it in this order: `scheduler` (who runs next, what time it is), `carriers` (the OS threads
below), `locks`, `event_loop`, `by_line`, `simulator` (all of it as the engine's `Machine`).
"""

from smoothop.testing.reports import Stalled
from smoothop.testing.simulator import SimMachine
from smoothop.testing.style import Style

__all__ = ["SimMachine", "Stalled", "Style"]
