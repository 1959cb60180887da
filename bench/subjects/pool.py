"""smoothop, workers on shared threads."""

from __future__ import annotations

from functools import partial
from typing import Final

from bench.measuring import Measure
from bench.subjects.ways import as_it_is, blocking, crowds, measures
from smoothop import Config

MEASURES: Final[dict[str, Measure]] = {
    **measures(as_it_is, run_in="pool"),
    **crowds(as_it_is, run_in="pool"),
    "blocking": partial(blocking, as_it_is, Config(run_in="pool"), pool_size=256),
}
