"""smoothop, each worker on a thread of its own."""

from __future__ import annotations

from functools import partial
from typing import Final

from bench.measuring import Measure
from bench.subjects.ways import as_it_is, blocking, crowds, measures
from smoothop import Config

MEASURES: Final[dict[str, Measure]] = {
    **measures(as_it_is),
    "fewer idle": crowds(as_it_is)["fewer idle"],
    "blocking": partial(blocking, as_it_is, Config()),
}
