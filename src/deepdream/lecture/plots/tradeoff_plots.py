"""Accuracy against transparency as measured, beside the slide's claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture.tradeoff import CLAIMED_ORDER, TradeoffPoint, ties_with_best

__all__ = ["plot_tradeoff"]

AXES = {
    "numbers": "numbers a reader must hold (log scale)",
    "features": "input features used (log scale)",
}


@drawn
def plot_tradeoff(
    rows: Sequence[TradeoffPoint],
    *,
    about: str,
    x: Literal["numbers", "features"] = "numbers",
    score: str = "accuracy",
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """Score with error bars against what a reader must hold; the inset is the slide's claim."""
    canvas, axes = new_figure(
        1, 2, title=f"Accuracy against transparency, measured: {about}", size=(15, 8.5), theme=theme
    )
    chart, key = axes[0]
    chart.get_gridspec().set_width_ratios([3, 1])
    best = ties_with_best(list(rows))
    # A constant guess has no features and no place on a log axis: it stands in the list only.
    ranked = sorted((row for row in rows if row.features > 0), key=lambda row: getattr(row, x))
    _points(chart, ranked, x, best, theme)
    label(chart, f"{AXES[x]}   ← easier to follow", f"{score}, 5-fold mean ± sd")
    _key(key, ranked, [row for row in rows if row.features == 0], best=best, theme=theme)
    _claim(key, theme)
    return Figure(
        canvas,
        caption=f"What: cross-validated {score} of {len(rows)} models on {about}; bars are one standard "
        "deviation over the folds; filled circles tie with the best; the constant guess is in the list "
        "only. Inset: the slide's chart, which has no data (Rudin 2019). Why: the claim can be measured, "
        "and whether it holds depends on the data.",
        alt="Tied with the best: " + "; ".join(best) + ".",
        numbers={"rows": [asdict(row) for row in rows], "ties_with_best": best},
        theme=theme,
    )


def _points(chart: Axes, ranked: Sequence[TradeoffPoint], x: str, best: Sequence[str], theme: Theme) -> None:
    for row in ranked:
        tied = row.model in best
        color, face = (theme.positive, theme.positive) if tied else (theme.negative, theme.paper)
        chart.errorbar(
            [getattr(row, x)], [row.score], [row.spread],
            fmt="o" if tied else "s", color=color, markerfacecolor=face, markersize=13, capsize=6,
        )  # fmt: skip
    chart.set_xscale("log")
    chart.xaxis.set_major_formatter("{x:g}")
    chart.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))  # only if there is room
    low = min(row.score - row.spread for row in ranked)
    high = max(row.score + row.spread for row in ranked)
    chart.set_ylim(low - 0.05 * (high - low), high + 0.12 * (high - low))
    for position, height, text in _joint_labels(ranked, x):
        chart.annotate(
            text,
            (position, height),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontweight="bold",
        )


def _joint_labels(ranked: Sequence[TradeoffPoint], x: str) -> list[tuple[float, float, str]]:
    """Numbers over the points; points that stand over each other share one label: (x, y, text)."""
    groups: list[list[int]] = []
    for index, row in enumerate(ranked):
        if groups and getattr(row, x) < 1.15 * getattr(ranked[groups[-1][0]], x):
            groups[-1].append(index)
        else:
            groups.append([index])
    return [
        (
            getattr(ranked[group[0]], x),
            max(ranked[i].score + ranked[i].spread for i in group),
            " ".join(str(i + 1) for i in group),
        )
        for group in groups
    ]


def _key(
    axes: Axes,
    ranked: Sequence[TradeoffPoint],
    constant: Sequence[TradeoffPoint],
    *,
    best: Sequence[str],
    theme: Theme,
) -> None:
    axes.axis("off")
    for line, row in enumerate([*ranked, *constant], start=1):
        color = theme.positive if row.model in best else theme.ink
        number = str(line) if line <= len(ranked) else "–"
        for across, text, side in (
            (0.1, number, "right"),
            (0.16, row.model, "left"),
            (1, f"{row.score:.3f}", "right"),
        ):
            axes.text(across, 1 - line / 20, text, color=color, ha=side, transform=axes.transAxes)


def _claim(axes: Axes, theme: Theme) -> None:
    inset = axes.inset_axes((0.1, 0.0, 0.9, 0.33))
    inset.plot(range(len(CLAIMED_ORDER)), range(len(CLAIMED_ORDER)), "o", color=theme.faint)
    for index, name in enumerate(CLAIMED_ORDER):
        short = {"univariate linear regression": "univariate", "generalized additive models": "GAM"}
        side, shift = ("right", -10) if index > 2 else ("left", 10)
        inset.annotate(
            short.get(name, name), (index, index), xytext=(shift, 0), textcoords="offset points",
            ha=side, va="center", fontsize=12,
        )  # fmt: skip
    inset.set(xticks=[], yticks=[], xlim=(-0.6, 5.6), ylim=(-0.6, 5.6))
    inset.set_xlabel("harder to follow →", fontsize=12)
    inset.set_ylabel("accuracy →", fontsize=12)
    inset.set_title("the slide's claim (no data)", fontsize=13)
