"""A checkout as somebody else would have it: the files of this one, in another place."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_NOT_IN_IT = shutil.ignore_patterns(
    ".git",
    ".*venv*",
    ".tox",
    ".*_cache",
    ".hypothesis",
    "__pycache__",
    "*.egg-info",
    "_build",
    "dist",
)


def copy_checkout(target: Path) -> Path:
    """Copy this checkout to `target`, without what tools have left in it."""
    shutil.copytree(ROOT, target, ignore=_NOT_IN_IT)
    return target
