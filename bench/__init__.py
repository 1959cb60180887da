"""What smoothop costs, beside bare Python and the libraries that do the same work.

    python -m bench [ROW ...] [--quick] [--json FILE] [--page FOLDER]

`python -m bench.hooks` and `python -m bench.startup` measure observers and imports.
"""
