"""For tests: handlers and plugins on the production engine, under virtual time.

For authors of plugins: `handle_once`, `VirtualOperator`, `RecordedEvents`, `registry_of` and
`check_plugin`. With pytest they are there as fixtures, without any import: ``smoothop_operator``,
``smoothop_events`` and ``smoothop_seed``.

Below them is a simulator of threads and time. Read it in this order: `scheduler` (who runs next,
what time it is), `carriers` (the OS threads below), `locks`, `event_loop`, `by_line`,
`simulator` (all of it as the engine's `Machine`), `virtual` (an operator on it).
"""

from smoothop.testing.checking import check_plugin
from smoothop.testing.once import Answer, Outcome, Sent, handle_once
from smoothop.testing.recording import RecordedEvents
from smoothop.testing.registries import registry_of
from smoothop.testing.report import Finding, Report
from smoothop.testing.reports import Stalled
from smoothop.testing.simulator import SimMachine
from smoothop.testing.style import Style
from smoothop.testing.virtual import NotReachedError, VirtualOperator

__all__ = [
    "Answer",
    "Finding",
    "NotReachedError",
    "Outcome",
    "RecordedEvents",
    "Report",
    "Sent",
    "SimMachine",
    "Stalled",
    "Style",
    "VirtualOperator",
    "check_plugin",
    "handle_once",
    "registry_of",
]
