"""Sphinx: the documentation in docs/, with the reference taken from the docstrings."""

from importlib.metadata import version as version_of

project = "smoothop"
author = copyright = "the smoothop authors"
version = release = version_of("smoothop")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"smoothop {version}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# `name` in a docstring is code, as in every Python docstring that is read in an editor.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_display_short_literal_types = True
napoleon_numpy_docstring = False

# No inventories are fetched: the documentation builds without a network. So the names of the
# standard library and of the libraries below are not links, and neither are our private ones.
nitpick_ignore_regex = [
    ("py:.*", r"(?!smoothop\.).*"),
    ("py:.*", r"smoothop\.(engine\.(core|slot|run|machine|logs)|_\w+)\..*"),
]
