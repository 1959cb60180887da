"""What packages with handlers and packages with hook plugins have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importlib_metadata import PackageNotFoundError, version

if TYPE_CHECKING:
    from smoothop.authoring.naming import PackageName


def files(name: PackageName) -> dict[str, str]:
    """Return the text of each file, by its path."""
    return {
        "tox.ini": _tox(name),
        ".gitignore": _GITIGNORE,
        f"{name.module}/py.typed": "",
    }


def pyproject(name: PackageName, description: str, entry_point: str) -> str:
    """Return the text of ``pyproject.toml``.

    Args:
        name: the name of the package.
        description: one line.
        entry_point: the table with the entry point.
    """
    return f"""\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{name.distribution}"
version = "0.1.0"
description = "{description}"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["{_smoothop()}"]

{entry_point}
[dependency-groups]
test = ["pytest>=9"]

[tool.pytest.ini_options]
testpaths = ["tests"]
filterwarnings = ["error"]

[tool.mypy]
strict = true

[tool.ruff]
line-length = 100
"""


def _tox(name: PackageName) -> str:
    return f"""\
[tox]
min_version = 4.26
env_list = lint, types, py

[testenv]
description = the tests, on the installed wheel
package = wheel
dependency_groups = test
commands = pytest {{posargs}}

[testenv:lint]
description = ruff
package = skip
deps = ruff
commands =
    ruff check .
    ruff format --check .

[testenv:types]
description = mypy, strict
dependency_groups = test
deps = mypy
commands = mypy {name.module} tests
"""


def _smoothop() -> str:
    try:
        return f"smoothop>={version('smoothop')}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "smoothop"


_GITIGNORE = """\
__pycache__/
*.egg-info/
.*_cache/
.tox/
.venv/
build/
dist/
"""
