"""Sphinx: the documentation in docs/, with the reference taken from the docstrings."""

import subprocess
import sys
from importlib.metadata import version as version_of

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

project = "smoothop"
author = copyright = "the smoothop authors"
version = release = version_of("smoothop")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "bench/*.md"]  # the latter is part of bench.md
html_theme = "furo"
html_title = f"smoothop {version}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# `name` in a docstring is code, as in every Python docstring that is read in an editor.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_display_short_literal_types = True
napoleon_numpy_docstring = False

# No inventories are fetched: the documentation builds without a network. So the names of the
# standard library and of the libraries below are not links, and neither are our private ones.
nitpick_ignore_regex = [
    ("py:.*", r"(?!smoothop\.).*"),
    ("py:.*", r"smoothop\.(.*\.)?_\w+"),
    ("py:.*", r"smoothop\.engine\.(operator\.HandlerSource|watching\.observing\.Observer)"),
    ("py:.*", r"smoothop\.testing\.recording\.E"),
    ("py:.*", r"smoothop\.plugins\.switches\.Switches"),
]

# Classes that only smoothop itself makes: how is nobody's business.
MADE_BY_SMOOTHOP = {
    "AsyncContext",
    "Completion",
    "Context",
    "HandleResult",
    "MetricStream",
    "Receipt",
    "Registry",
    "Worker",
}


def without_making(_app, what, name, *_rest):
    """Show no signature for the classes that users do not make."""
    if what == "class" and name.rpartition(".")[2] in MADE_BY_SMOOTHOP:
        return "", None
    return None


class Help(SphinxDirective):
    """``{smoothop-help} run`` shows what ``smoothop run --help`` prints."""

    optional_arguments = 1

    def run(self):
        command = [sys.executable, "-m", "smoothop", "--no-plugins", *self.arguments, "--help"]
        variables = {"COLUMNS": "80", "NO_COLOR": "1"}
        text = subprocess.run(command, check=True, capture_output=True, text=True, env=variables)
        return [nodes.literal_block(text.stdout, text.stdout, language="text")]


def setup(app):
    app.add_directive("smoothop-help", Help)
    app.connect("autodoc-process-signature", without_making)
