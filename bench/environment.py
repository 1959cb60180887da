"""The environment of the bench: smoothop as it stands here, and the libraries beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final, Never

ROOT: Final = Path(__file__).parents[1]
HOME: Final = ROOT / ".bench"
PYTHON: Final = HOME / "bin" / "python"


def is_inside() -> bool:
    """Tell whether this interpreter is the environment's."""
    return Path(sys.prefix) == HOME


def enter(arguments: list[str]) -> Never:
    """Run the bench with these arguments in its environment; make that first if it is missing."""
    if not PYTHON.exists():
        _make()
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "bench", *arguments])


def _make() -> None:
    print(f"making {HOME}; remove it when what the bench needs has changed", file=sys.stderr)
    venv.create(HOME, with_pip=True)
    _pip("--upgrade", "pip")
    _pip("--editable", str(ROOT), "--group", f"{ROOT}/pyproject.toml:bench")


def _pip(*arguments: str) -> None:
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", *arguments], check=True)
