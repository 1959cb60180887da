"""`Beginning`: the first thing a child is told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from smoothop.engine.runners.process.records import Levels, levels

if TYPE_CHECKING:
    from smoothop.engine.worker.slot import Slot


class Beginning(NamedTuple):
    """What a child needs to know before it makes the handler.

    Attributes:
        worker: the worker's name.
        path: ``sys.path``.
        recipe: how to make the handler.
        logger: the name of the logger that it is given.
        levels: the levels of the parent's loggers.
        max_memory: bytes above which the child is worn; 0: never.
        max_handles: calls after which it is worn; 0: never.
    """

    worker: str
    path: list[str]
    recipe: bytes
    logger: str
    levels: Levels
    max_memory: int
    max_handles: int


def beginning(slot: Slot) -> Beginning:
    """Return what the child of `slot` is told."""
    core, config = slot.core, slot.run.config
    own = core.handler_logger.logger
    return Beginning(
        worker=core.name,
        path=sys.path,
        recipe=slot.run.recipe or b"",
        logger=own.name,
        levels=levels(own),
        max_memory=config.max_memory,
        max_handles=config.max_handles,
    )
