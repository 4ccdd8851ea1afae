"""Plots of a threshold: who falls on which side, the two error rates, the cost, the groups, the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.stats import norm

from deepdream.figures import Animation, Figure, Theme, drawn, label, new_figure
from deepdream.lecture.decision import BestThreshold, Confusion, threshold_table
from deepdream.lecture.identification import identification_odds
from deepdream.lecture.scores import Scores

__all__ = ["plot_odds", "plot_sweep", "plot_threshold"]

TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)  # of the DET axes


@drawn
def plot_threshold(scores: Scores, best: BestThreshold, at: float, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Histograms, ROC, DET and cost curve with the chosen threshold; error rates by group, if there are."""
    columns = 3 if scores.groups else 2
    canvas, axes = new_figure(
        2,
        columns,
        title=f"A threshold turns a score into a decision: {scores.positive}?",
        size=(6.5 * columns, 10),
        theme=theme,
    )
    table = threshold_table(scores.y_true, scores.score)
    (chosen,) = threshold_table(scores.y_true, scores.score, [at])
    _histograms(axes[0, 0], scores, chosen, theme)
    _roc(axes[0, 1], table, chosen, theme)
    _det(axes[1, 1], table, chosen, theme)
    _costs(axes[1, 0], table, best, at=at, calibrated=scores.calibrated, theme=theme)
    if scores.groups:
        rows = threshold_table(scores.y_true, scores.score, [at], groups=scores.groups)
        _group_rates(axes[0, 2], rows, "fpr", theme)
        _group_rates(axes[1, 2], rows, "fnr", theme)
    return Figure(
        canvas,
        caption=f"{scores.about}. What: the scores of both classes, the two error rates over all "
        f"thresholds, and the cost when a miss costs {best.cost_fn:g} and a false alarm {best.cost_fp:g}. "
        "Why: the model gives scores; a person chooses where they become decisions, and each choice "
        "trades one error for the other.",
        alt=f"At threshold {at:.3g} there are {chosen.tp} true positives, {chosen.fp} false positives, "
        f"{chosen.fn} false negatives and {chosen.tn} true negatives. The cheapest threshold is "
        f"{best.empirical:.3g}.",
        numbers={"best": asdict(best), "chosen": asdict(chosen)},
        theme=theme,
    )


def _histograms(axes: Axes, scores: Scores, chosen: Confusion, theme: Theme) -> None:
    bins = np.linspace(scores.score.min(), scores.score.max(), 31)
    for value, name, color, hatch in (
        (0, scores.negative, theme.negative, ""),
        (1, scores.positive, theme.positive, "//"),
    ):
        heights, edges = np.histogram(scores.score[scores.y_true == value], bins)
        axes.stairs(heights, edges, fill=True, alpha=0.55, color=color, hatch=hatch, label=name)
    # On a log scale: the few samples near the threshold matter, and thousands far away would hide them.
    axes.set_yscale("log")
    axes.set_ylim(0.7, axes.get_ylim()[1] * 4)  # room for the legend
    axes.axvline(chosen.threshold, color=theme.ink)
    label(
        axes,
        "score",
        "samples (log scale)",
        f"t = {chosen.threshold:.3g}: {chosen.fn} missed, {chosen.fp} false alarms",
    )
    axes.legend(loc="upper center", ncols=2)


def _roc(axes: Axes, table: Sequence[Confusion], chosen: Confusion, theme: Theme) -> None:
    axes.plot([0, 1], [0, 1], color=theme.faint, linestyle="--", label="guessing")
    axes.plot(_rates(table, "fpr"), _rates(table, "tpr"), color=theme.negative, label="this model")
    axes.plot(
        _rates([chosen], "fpr"),
        _rates([chosen], "tpr"),
        "o",
        color=theme.positive,
        markersize=13,
        label="chosen",
    )
    label(axes, "false positive rate", "true positive rate", "ROC: every threshold at once")
    axes.legend(loc="lower right")


def _rates(rows: Sequence[Confusion], rate: str) -> NDArray[np.float64]:
    return np.array([getattr(row, rate) for row in rows], float)  # a rate that is not defined becomes NaN


def _det(axes: Axes, table: Sequence[Confusion], chosen: Confusion, theme: Theme) -> None:
    # Normal deviates stretch the corner of small errors, where good models differ (Martin et al. 1997).
    low = TICKS[0]
    x, y = (norm.ppf(np.clip(_rates(table, rate), low, 1 - low)) for rate in ("fpr", "fnr"))
    axes.plot(x, y, color=theme.negative)
    at = norm.ppf(np.clip([chosen.fpr, chosen.fnr], low, 1 - low))
    axes.plot(*at[:, None], "o", color=theme.positive, markersize=13)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(norm.ppf(TICKS), [f"{tick:.1%}" if tick < 0.01 else f"{tick:.0%}" for tick in TICKS])
    axes.set(xlim=norm.ppf([low, 0.9]), ylim=norm.ppf([low, 0.9]))
    label(axes, "false positive rate", "miss rate", "DET: both errors, stretched")


def _costs(
    axes: Axes,
    table: Sequence[Confusion],
    best: BestThreshold,
    *,
    at: float,
    calibrated: bool,
    theme: Theme,
) -> None:
    finite = [row for row in table if np.isfinite(row.threshold)]
    cost = [row.cost(cost_fp=best.cost_fp, cost_fn=best.cost_fn) for row in finite]
    axes.step([row.threshold for row in finite], cost, where="pre", color=theme.negative)
    axes.axvline(at, color=theme.ink, label=f"chosen {at:.3g}")
    # Cut above: the cost of a senseless threshold would flatten the minimum.
    axes.set_ylim(0, min(max(cost), 8 * best.cost_at_empirical + 1) * 1.05)
    if calibrated:
        axes.axvline(best.theory, color=theme.positive, linestyle="--", label=f"theory {best.theory:.3g}")
    axes.plot(
        [best.empirical],
        [best.cost_at_empirical],
        "v",
        color=theme.positive,
        markersize=13,
        label=f"cheapest here {best.empirical:.3g}",
    )
    label(
        axes,
        "threshold t",
        "cost of all errors",
        f"a miss costs {best.cost_fn:g}, a false alarm {best.cost_fp:g}",
    )
    axes.legend()


def _group_rates(axes: Axes, rows: Sequence[Confusion], rate: str, theme: Theme) -> None:
    names = [row.group for row in rows]
    axes.barh(
        names,
        [getattr(row, rate) or 0 for row in rows],
        color=theme.negative if rate == "fpr" else theme.positive,
    )
    axes.invert_yaxis()
    words = "false positive rate" if rate == "fpr" else "miss rate"
    label(axes, words, "group", f"one threshold, unequal {words}s")


@drawn
def plot_sweep(scores: Scores, *, count: int = 20, theme: Theme = Theme.LIGHT) -> Animation:
    """The threshold moves from low to high: counts on the left, the point on the ROC curve on the right."""
    canvas, axes = new_figure(
        1, 2, title=f"Moving the threshold: {scores.positive}?", size=(13, 6), theme=theme
    )
    table = threshold_table(scores.y_true, scores.score)
    stops = np.linspace(scores.score.min(), scores.score.max(), count)
    rows = threshold_table(scores.y_true, scores.score, [float(t) for t in stops])
    _histograms(axes[0, 0], scores, rows[0], theme)
    _roc(axes[0, 1], table, rows[0], theme)
    line, dot = axes[0, 0].lines[0], axes[0, 1].lines[2]

    def update(index: int) -> None:
        row = rows[index]
        line.set_xdata([row.threshold, row.threshold])
        dot.set_data([row.fpr], [row.tpr])
        axes[0, 0].set_title(f"t = {row.threshold:.2f}: {row.fn} missed, {row.fp} false alarms")

    figure = Figure(
        canvas,
        caption=f"{scores.about}. What: the threshold from low to high. Why: raising it never adds a "
        "false alarm and never finds one more; it only trades.",
        alt="A line moves through two histograms while a point moves down the ROC curve.",
        theme=theme,
    )
    moving = (line, axes[0, 0].get_legend(), dot, axes[0, 0].title)
    return Animation(
        figure, update, count, numbers={"rows": [asdict(row) for row in rows]}, moving=lambda: moving
    )


@drawn
def plot_odds(fmr: float, gallery: int, *, searches: int = 1, theme: Theme = Theme.LIGHT) -> Figure:
    """Expected false matches against the size of the gallery; also for rates a hundred times off."""
    canvas, axes = new_figure(1, 1, title="One search, N comparisons", size=(11, 6.5), theme=theme)
    chart, odds = axes[0, 0], identification_odds(fmr, gallery, searches=searches)
    sizes = np.geomspace(100, max(1e8, 10 * gallery), 50)
    # Also a hundred times more and less: a stated rate is seldom exact for another gallery.
    for rate, style in ((100 * fmr, ":"), (fmr, "-"), (fmr / 100, "--")):
        if 0 < rate <= 1:
            chart.loglog(sizes, rate * sizes * searches, style, label=f"FMR {rate:.2g}")
    chart.axhline(1, color=theme.ink, linewidth=1.5)
    chart.annotate(
        "one false match",
        (sizes[0], 1),
        xytext=(4, 5),
        textcoords="offset points",
    )
    if odds.expected_false_matches > 0:
        chart.plot([gallery], [odds.expected_false_matches], "o", color=theme.positive, markersize=14)
        chart.annotate(
            f"{odds.expected_false_matches:.3g}",
            (gallery, odds.expected_false_matches),
            xytext=(-12, 10),
            textcoords="offset points",
            ha="right",
            fontweight="bold",
        )
    label(chart, "people in the gallery, N", "false matches to expect")
    chart.legend(title="false match rate of one comparison")
    return Figure(
        canvas,
        caption=f"What: FMR times N times {searches} search{'es' * (searches > 1)} for people who are not "
        "in the gallery. Why: a rate that is small for one comparison is not small for millions; a match "
        "is a lead to check, not an identification.",
        alt=f"At a false match rate of {fmr:g} and {gallery} people, {odds.expected_false_matches:.3g} "
        f"false matches are expected; the probability of at least one is {odds.probability_of_any:.3f}.",
        numbers=asdict(odds),
        theme=theme,
    )
