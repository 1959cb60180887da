"""The figures as a picture: one small chart a row, smoothop's ways in colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.report import Results
from bench.rows import Row
from bench.running import SUBJECTS, WAYS

COLUMNS: Final = 3
SMOOTHOP: Final = "#1f6feb"
OTHERS: Final = "#9aa4ae"


def draw(rows: list[Row], results: Results, file: Path) -> None:
    """Draw medians as bars on logarithmic axes; the shortest is best except where it says so."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "smoothop", "font.size": 8})
    shown = [row for row in rows if any(results.of(row, who) for who in SUBJECTS)]
    lines = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 1.9 * lines), layout="constrained")
    axes = figure.subplots(lines, COLUMNS, squeeze=False).flat
    for row, axis in zip(shown, axes, strict=False):
        _chart(axis, row, results)
    for axis in list(axes)[len(shown) :]:
        axis.set_axis_off()
    figure.savefig(file, format="svg", metadata={"Date": None})


def _chart(axis: Any, row: Row, results: Results) -> None:
    found = [(who, results.median(row, who)) for who in reversed(SUBJECTS)]
    bars = [(who, value) for who, value in found if value]
    names, values = [who for who, _ in bars], [value for _, value in bars]
    colours = [SMOOTHOP if who in WAYS else OTHERS for who in names]
    axis.barh(names, values, color=colours, height=0.7)
    axis.set_xscale("log")
    axis.set_xlim(min(values) / 3, max(values) * 6)
    for number, value in enumerate(values):
        text = f"{value:.3g}" if value < 100 else f"{value:,.0f}"
        axis.annotate(text, (value, number), (3, 0), textcoords="offset points", va="center")
    better = ", more is better" if row.more_is_better or row.unit == "/s" else ""
    axis.set_title(f"{row.title} ({row.unit}{better})", fontsize=8, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="x", which="both", labelsize=6)
