"""Real virtual environments that see smoothop and what it needs, and nothing else of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import smoothop

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATHS = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
_OURS = ("smoothop", "pytest_smoothop.py")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with its own site-packages, and real child processes in it.

    smoothop and third-party packages are not installed a second time: a ``.pth`` file makes those
    of the environment the tests run in visible, behind this one's own.

    Attributes:
        path: the environment's directory; also the working directory of its processes.
        python: its interpreter.
        site_packages: where pip installs into.
    """

    path: Path
    python: Path
    site_packages: Path

    @classmethod
    def create(cls, path: Path) -> Environment:
        """Make a new environment at `path`."""
        venv.create(path, with_pip=False, symlinks=True)
        python = path / "bin" / "python"
        found = subprocess.run([python, "-I", "-c", _PATHS], check=True, capture_output=True)
        site_packages = Path(json.loads(found.stdout))
        visible = _make_visible(path / "visible")
        (site_packages / "the_tests_environment.pth").write_text(f"{visible}\n")
        return cls(path, python, site_packages)

    def install(self, *wheels: Path) -> None:
        """Install `wheels` with pip, in one call, without dependencies or an index."""
        self._pip("install", "--no-compile", *map(str, wheels))

    def install_editable(self, project: Path) -> None:
        """Install a source tree with ``pip install -e``; its build backend is the one we have."""
        self._pip("install", "--no-build-isolation", "--editable", str(project))

    def run(
        self,
        code: str,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run Python code in a child process; warnings are errors there too.

        Args:
            code: what ``python -c`` gets.
            arguments: ``sys.argv[1:]`` of the child.
            variables: added to its environment, which is free of ``PYTHON*`` and ``SMOOTHOP_*``.
            check: fail, showing its output, when its exit code is not 0.
            timeout: seconds until it is killed.
        """
        return self.execute(
            "-W", "error", "-c", code, *arguments, variables=variables, check=check, timeout=timeout
        )

    def run_json(self, code: str, *arguments: str, **options: Any) -> Any:
        """Run code that prints one JSON document, and return it."""
        return json.loads(self.run(code, *arguments, **options).stdout)

    def execute(
        self,
        *command: str,
        variables: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run the environment's interpreter with these arguments and wait for its end."""
        ended = subprocess.run(
            [self.python, *command],
            cwd=self.path,
            env={**_clean_variables(), **(variables or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and ended.returncode != 0:
            raise AssertionError(
                f"exit code {ended.returncode} of {command}\n{ended.stdout}\n{ended.stderr}"
            )
        return ended

    def _pip(self, *command: str) -> None:
        options = ("--python", str(self.python), "--quiet", "--disable-pip-version-check")
        done = subprocess.run(
            [sys.executable, "-m", "pip", *options, *command, "--no-index", "--no-deps"],
            env=_clean_variables() | {"PIP_CONFIG_FILE": os.devnull},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"pip {' '.join(command)} failed\n{done.stdout}\n{done.stderr}")


def _make_visible(directory: Path) -> Path:
    """Fill `directory` with links to smoothop and to third-party packages.

    The metadata of plugins, ours or not, that are installed beside them is left out: an
    environment has the plugins that its test installs and no others.
    """
    directory.mkdir()
    for ours in _OURS:
        (directory / ours).symlink_to(Path(smoothop.__file__).parent.parent / ours)
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            if entry.name not in _OURS and not _publishes_plugins(entry):
                (directory / entry.name).symlink_to(entry)
    return directory


def _publishes_plugins(entry: Path) -> bool:
    published = entry / "entry_points.txt"
    return published.is_file() and "[smoothoperator." in published.read_text()


def _clean_variables() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "SMOOTHOP_", "PIP_"))
    }
