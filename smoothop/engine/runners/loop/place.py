"""`Place`: where a slot on an event loop is."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Place(Enum):
    """Where a slot is: between two turns, in line for one, or in one."""

    NEW = "new"
    PARKED = "parked"
    DUE = "due"
    CARRIED = "carried"
    OVER = "over"


# By these names: up to Python 3.11, `Place.DUE` itself runs a property in Python.
NEW: Final = Place.NEW
PARKED: Final = Place.PARKED
DUE: Final = Place.DUE
CARRIED: Final = Place.CARRIED
OVER: Final = Place.OVER
