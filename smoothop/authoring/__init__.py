"""New packages for authors of plugins: what ``smoothop new`` writes."""

from smoothop.authoring.writing import write_package

__all__ = ["write_package"]
