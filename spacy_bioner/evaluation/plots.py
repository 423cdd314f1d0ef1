"""Plots for pages: by matplotlib, as SVG with text as text, on no background, in colours that all tell apart.

Lines and letters have the colour of the page's text, so that they can be read on a light and on a dark page;
data have the colours of Okabe and Ito 2008, and marks that differ where there are several.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spacy_bioner.errors import PipelineError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKS = ("o", "s", "^", "D", "v", "P")
_INK = "#010203"  # stands for the page's own colour

Interval = tuple[str, float, float, float]
"""What it is of, the value, and the ends of its interval."""


def intervals(rows: Sequence[Interval], label: str) -> str:
    """Values with their intervals, one below the other, and a line at zero where it is among them."""

    def draw(axes: "Axes") -> None:
        places = range(len(rows), 0, -1)
        for place, (_, value, low, high) in zip(places, rows, strict=True):
            axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=2)
            axes.plot([value], [place], marker="o", color=COLOURS[0])
        axes.set_yticks(list(places), [name for name, *_ in rows])
        axes.set_ylim(0.4, len(rows) + 0.6)
        if min(row[2] for row in rows) <= 0 <= max(row[3] for row in rows):
            axes.axvline(0, color=_INK, linewidth=0.8, linestyle=":")
        axes.set_xlabel(label)

    return _svg(draw, height=0.9 + 0.3 * len(rows))


def precision_recall(curves: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Precision over recall, a line a type; each point as `probabilities.Point`."""

    def draw(axes: "Axes") -> None:
        for i, (name, points) in enumerate(curves.items()):
            x, y = [p["recall"] for p in points], [p["precision"] for p in points]
            every = max(len(points) // 8, 1)
            axes.plot(x, y, color=_colour(i), marker=_mark(i), markevery=every, markersize=4, label=name)
        axes.set_xlabel("recall")
        axes.set_ylabel("precision")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False, labelcolor=_INK)

    return _svg(draw, height=3.4)


def reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """The share of right predictions over their mean probability; on the dotted line both are the same."""

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        x, y = [part["probability"] for part in bins], [part["right"] for part in bins]
        axes.plot(x, y, color=COLOURS[0], marker="o")
        axes.set_xlabel("mean probability")
        axes.set_ylabel("share that is right")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)

    return _svg(draw, height=3.4)


def bars(rows: Sequence[tuple[str, float]], label: str) -> str:
    """Shares from 0 to 1, one below the other."""

    def draw(axes: "Axes") -> None:
        places = list(range(len(rows), 0, -1))
        axes.barh(places, [value for _, value in rows], color=COLOURS[0], height=0.6)
        axes.set_yticks(places, [name for name, _ in rows])
        axes.set_xlim(0, 1)
        axes.set_xlabel(label)

    return _svg(draw, height=0.9 + 0.28 * len(rows))


def lines(series: Mapping[str, Sequence[Interval]], x_label: str, y_label: str) -> str:
    """Values over a number (the text of each point), with intervals: learning curves."""

    def draw(axes: "Axes") -> None:
        for i, (name, points) in enumerate(series.items()):
            x = [float(text) for text, *_ in points]
            y = [value for _, value, _, _ in points]
            errors = [[p[1] - p[2] for p in points], [p[3] - p[1] for p in points]]
            axes.errorbar(x, y, errors, color=_colour(i), marker=_mark(i), capsize=3, label=name)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.legend(frameon=False, labelcolor=_INK)

    return _svg(draw, height=3.4)


def heat_map(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]]) -> str:
    """F1 from 0 to 100 in cells, written there too; None is an empty cell."""
    import numpy as np

    def draw(axes: "Axes") -> None:
        cells = np.array([[np.nan if v is None else v for v in row] for row in values], dtype=float)
        # not imshow: its picture would be an image, which the page's policy forbids
        axes.pcolormesh(np.ma.masked_invalid(cells), cmap="cividis", vmin=0, vmax=100)
        axes.invert_yaxis()
        axes.set_xticks(np.arange(len(columns)) + 0.5, list(columns), rotation=30, ha="right")
        axes.set_yticks(np.arange(len(rows)) + 0.5, list(rows))
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                if value is not None:
                    colour = "#ffffff" if value < 60 else "#000000"
                    axes.text(j + 0.5, i + 0.5, f"{value:.1f}", ha="center", va="center", color=colour)

    return _svg(draw, height=1.4 + 0.35 * len(rows))


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def _mark(i: int) -> str:
    return MARKS[i % len(MARKS)]


def check_plots() -> None:
    """Raises PipelineError where plots can't be drawn: before hours of work, not after them."""
    if find_spec("matplotlib") is None:
        raise PipelineError(
            "Plots need matplotlib: pip install 'spacy-bioner[plots]', or write .md or .json. [B341]"
        )


def _svg(draw: Callable[["Axes"], None], height: float, width: float = 6.5) -> str:
    """Draws, and returns an <svg> element; the same data give the same text."""
    check_plots()
    import matplotlib
    from matplotlib.figure import Figure

    ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    style: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "spacy-bioner",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
        **dict.fromkeys(ink, _INK),
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r' id="[a-zA-Z0-9]+_\d+"', "", text)  # the same in every plot of a page
    return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
