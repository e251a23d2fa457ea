"""The plots of a report page, each an SVG image as a data address, so that the page needs no other file."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from model.reporting.data import Series

COLOURS = {"mlm": "#4269d0", "mep": "#d1603d", "oe": "#3a8f6b"}
LINES = {"model": "#d1603d", "random weights": "#b3b3b3", "majority": "#4269d0", "chance": "#777777"}
BARS = ("#4269d0", "#a3b8e8")
"""Colours of a run's own scores by selection."""
MARKS = "osD^vP*X"
"""Marks of published scores, one per model."""

Bar = tuple[float, float]
"""A score between 0 and 1, and how far it spreads to either side."""

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "svg.fonttype": "path",
    "svg.hashsalt": "report",
}


def training_chart(series: Mapping[str, Series], measure: str, label: str) -> str:
    """One line per objective over steps, dashed for validation; `measure` is `loss` or `accuracy`."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.9, 3.2), layout="constrained")
        for objective, colour in COLOURS.items():
            for name, style in ((f"{objective}/{measure}", "-"), (f"validation/{objective}/{measure}", "--")):
                points = series.get(name, [])
                if points:
                    steps, values = zip(*points, strict=True)
                    label_ = objective.upper() if style == "-" else f"{objective.upper()}, validation"
                    marker = "." if len(points) < 30 else ""
                    axes.plot(steps, values, style, color=colour, label=label_, marker=marker)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        _legend_below(figure)
        return _address(figure)


def _legend_below(figure: Figure) -> None:
    """Name the lines below the plot, where no line can run through their names."""
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)


def retrieval_chart(series: Mapping[str, Series]) -> str:
    """Mean reciprocal rank at each validation, a line per objective, beside frequency (dashed) and chance (dotted)."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.9, 3.2), layout="constrained")
        for objective in ("mep", "oe"):
            for line, style, words in (
                ("", "-", ""),
                ("frequency_", "--", ", frequency"),
                ("chance_", ":", ", chance"),
            ):
                points = series.get(f"validation/retrieval/{objective}/{line}mrr", [])
                if points:
                    steps, values = zip(*points, strict=True)
                    shown = [100 * value for value in values]
                    marker = "." if len(points) < 30 and not line else ""
                    label = f"{objective.upper()}{words}"
                    axes.plot(steps, shown, style, color=COLOURS[objective], label=label, marker=marker)
        axes.set_xlabel("step")
        axes.set_ylabel("mean reciprocal rank, %")
        axes.set_ylim(bottom=0)
        _legend_below(figure)
        return _address(figure)


def heat_map(
    values: Mapping[tuple[str, str], float], rows: Sequence[str], columns: Sequence[str], scale: str, top: float = 0.0
) -> str:
    """Return a square per (row, column) in per cent; pairs without a value stay grey.

    `top` is the value of the brightest square, between 0 and 1, so that maps that stand together can be compared; by default
    the highest of its own.
    """
    grid = [[100 * values.get((row, column), float("nan")) for column in columns] for row in rows]
    size = 1.2 + 0.42 * max(len(rows), len(columns), 4)
    highest = 100 * top or max((value for line in grid for value in line if value == value), default=1.0)
    decimals = 0 if highest >= 10 else 1
    with plt.rc_context(STYLE | {"axes.spines.left": False, "axes.spines.bottom": False}):
        figure, axes = plt.subplots(figsize=(size + 0.6, size), layout="constrained")
        axes.set_facecolor("#e4e4e4")
        image = axes.imshow(grid, cmap="viridis", vmin=0, vmax=max(highest, 1.0))
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0)
        axes.set_xlabel("language of the candidates")
        axes.set_ylabel("language of the question")
        for i, line in enumerate(grid):
            for j, value in enumerate(line):
                if value == value:
                    colour = "black" if value > 0.6 * highest else "white"
                    axes.text(j, i, f"{value:.{decimals}f}", ha="center", va="center", color=colour, fontsize=7.5)
        figure.colorbar(image, ax=axes, shrink=0.75, label=scale)
        return _address(figure)


def bar_chart(groups: Sequence[str], lines: Mapping[str, Mapping[str, float]], label: str) -> str:
    """Horizontal bars in per cent: one group per name, one bar per line."""
    height = 0.9 + 0.11 * len(groups) * len(lines)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8.6, max(height, 2.0)), layout="constrained")
        thickness = 0.82 / max(len(lines), 1)
        for number, (line, values) in enumerate(lines.items()):
            places = [i - 0.41 + (number + 0.5) * thickness for i in range(len(groups))]
            widths = [100 * values.get(group, 0.0) for group in groups]
            axes.barh(places, widths, height=thickness, color=LINES.get(line, "#999999"), label=line)
        axes.set_yticks(range(len(groups)), groups)
        axes.set_ylim(len(groups) - 0.4, -0.6)
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return _address(figure)


def language_chart(
    languages: Sequence[str], bars: Mapping[str, Mapping[str, Bar]], marks: Mapping[str, Mapping[str, Bar]], label: str
) -> str:
    """Scores in per cent: for each language a bar per line of `bars` and a mark per line of `marks`, with their spreads."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(max(4.6, 1.2 + 0.42 * len(languages)), 3.3), layout="constrained")
        thickness = 0.8 / max(len(bars), 1)
        for number, (line, values) in enumerate(bars.items()):
            shift = -0.4 + (number + 0.5) * thickness
            _draw(axes.bar, languages, values, shift, width=thickness, color=BARS[number % len(BARS)], label=line)
        for number, (line, values) in enumerate(marks.items()):
            style = {"fmt": MARKS[number % len(MARKS)], "color": "#333333", "markersize": 5, "fillstyle": "none"}
            _draw(axes.errorbar, languages, values, 0.0, label=line, **style)
        axes.set_xticks(range(len(languages)), languages)
        axes.set_xlim(-0.6, len(languages) - 0.4)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(label)
        # Below and not beside: fifteen languages and their legend are wider than a page.
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize=8)
        return _address(figure)


def _draw(form: Any, languages: Sequence[str], values: Mapping[str, Bar], shift: float, **style: Any) -> None:
    """Draw the values of the languages that have one, in per cent, moved sideways."""
    places = [i for i, language in enumerate(languages) if language in values]
    if places:
        heights, spreads = zip(*(values[languages[i]] for i in places), strict=True)
        percent, around = [100 * height for height in heights], [100 * spread for spread in spreads]
        form([i + shift for i in places], percent, yerr=around if any(around) else None, **style)


def _address(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight", pad_inches=0.05)
    plt.close(figure)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
