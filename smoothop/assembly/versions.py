"""Which smoothop this is."""

from importlib_metadata import PackageNotFoundError, version


def own_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("smoothop")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"
