"""For tests: the production engine under virtual time, one thread at a time, from a seed.

Read it in this order: `scheduler` (who runs next, what time it is), `carriers` (the OS threads
below), `locks`, `event_loop`, `simulator` (all of it as a `smoothop.engine.machine.Machine`).
"""

from smoothop.testing.scheduler import Stalled, Style
from smoothop.testing.simulator import SimMachine

__all__ = ["SimMachine", "Stalled", "Style"]
