"""What every test of this repository gets, those in the plugins and in the documents included."""

from importlib.metadata import entry_points

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

pytest_plugins = [
    "pytester",
    "support.alone",
    "support.installed",
    "support.leaks",
    "support.places",
    "support.reports",
    "support.sizes",
]
if not entry_points(group="pytest11", name="smoothop"):  # run from a checkout
    pytest_plugins.append("pytest_smoothop")

# Each Python block of a document is a test; the blocks of one document share their names.
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    excludes=["docs/_build/**"],
).pytest()
