"""Real wheels from a few strings, without the seconds a build backend takes."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def build_wheel(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    files: Mapping[str, str],
    entry_points: Mapping[str, Mapping[str, str]] | str = "",
    requires: Iterable[str] = (),
) -> Path:
    """Write a pure-Python wheel that pip installs like any other.

    Args:
        directory: where the wheel is written; made if missing.
        name: the distribution's name, as its author writes it.
        version: the distribution's version.
        files: path inside site-packages -> text.
        entry_points: group -> name -> target; or the text of ``entry_points.txt``, for tests of
            what no build backend would write.
        requires: requirements, as in ``Requires-Dist``.

    Returns:
        The path of the wheel.
    """
    stem = f"{re.sub(r'[-_.]+', '_', name).lower()}-{version}"
    info = f"{stem}.dist-info"
    contents = dict(files)
    contents[f"{info}/METADATA"] = _metadata(name, version, requires)
    contents[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: smoothop-tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if entry_points:
        contents[f"{info}/entry_points.txt"] = entry_points_text(entry_points)
    directory.mkdir(parents=True, exist_ok=True)
    wheel = directory / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", _record(contents, info))
    return wheel


def entry_points_text(entry_points: Mapping[str, Mapping[str, str]] | str) -> str:
    """Return the text of ``entry_points.txt``."""
    if isinstance(entry_points, str):
        return entry_points
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in entry_points.items()
    )


def _metadata(name: str, version: str, requires: Iterable[str]) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join(lines) + "\n"


def _record(contents: Mapping[str, str], info: str) -> str:
    lines = [
        f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in contents.items()
    ]
    return "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
