"""Write a new package; nothing that is there is ever overwritten."""

from __future__ import annotations

from pathlib import Path

from smoothop.authoring import common, handler_package, observer_package
from smoothop.authoring.naming import PackageName
from smoothop.errors import ConfigError, SmoothopError


def write_package(parent: Path, name: str, *, observer: bool = False) -> list[Path]:
    """Write the package `name` into a new folder of that name.

    It can be installed, tested and run as it is.

    Args:
        parent: where the folder is made.
        name: the name of the package and of what it publishes, for example ``acme-watch``.
        observer: whether it is a package with a hook plugin, instead of one with a handler.

    Returns:
        The files it has written.

    Raises:
        ConfigError: the name cannot name a package, or something of that name is there.
        SmoothopError: the files cannot be written; says which.
    """
    package = PackageName(name)
    kind = observer_package if observer else handler_package
    folder = parent / name
    texts = common.files(package) | kind.files(package)
    try:
        folder.mkdir()
    except FileExistsError:
        raise ConfigError(
            f"{folder} is there already: choose another name, or go to another directory"
        ) from None
    except OSError as error:
        raise SmoothopError(f"{folder} cannot be made: {error.strerror}") from error
    return [_write(folder / path, text) for path, text in texts.items()]


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SmoothopError(
            f"{path} cannot be written: {error.strerror}; remove the folder before you try again"
        ) from error
    return path
