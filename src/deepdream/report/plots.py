"""The plots of a report: removal curves in the band of the controls, and what shuffling leaves of a map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from deepdream.attribution.checks import EDGES, GAUSSIAN, CheckContext
from deepdream.attribution.checks.randomization import layers_with_weights, stages
from deepdream.attribution.checks.removal import deletion, insertion, steps_of
from deepdream.attribution.checks.verdicts import WIDTH
from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.report.report_data import ReportData

#: Panels beside each other.
COLUMNS = 4
_STYLES = ("-", "--", ":", "-.")


@drawn
def plot_removal(report_data: ReportData, substrate: str, *, theme: Theme = Theme.LIGHT) -> Figure:
    """A panel a method: its deletion and insertion curve, each in the band of the controls."""
    names = [name for name in report_data.names if any(_curves(report_data, name, substrate))]
    measure = "probability" if report_data.context.against is None else "share of two"
    rows = max(1, math.ceil(len(names) / COLUMNS))
    canvas, axes = new_figure(rows, COLUMNS, title="", size=(11, 1.2 + 2.5 * rows), theme=theme)
    top = 1.06 * max((max(c) for n in names for c in _curves(report_data, n, substrate) if c), default=1.0)
    for index, axis in enumerate(axes.flat):
        if index >= len(names):
            axis.set_axis_off()
            continue
        _panel(axis, report_data, names[index], substrate, theme)
        axis.set_ylim(0, top)
        first, last = index % COLUMNS == 0, index + COLUMNS >= len(names)
        label(axis, "cells, %" if last else "", measure if first else "", names[index])
        axis.tick_params(labelleft=first)
    handles, words = axes.flat[0].get_legend_handles_labels()
    canvas.legend(handles, words, loc="outside lower center", ncols=2, frameon=False)
    return Figure(canvas, caption="", alt=_removal_alt(report_data, substrate), theme=theme)


def _panel(axes: Axes, report_data: ReportData, name: str, substrate: str, theme: Theme) -> None:
    context = report_data.context
    steps = steps_of(context.grid[0] * context.grid[1], context.steps)
    share = 100 * (steps / steps[-1]).numpy()
    for check, measure, color, better in (
        ("deletion", deletion, theme.negative, "lower"),
        ("insertion", insertion, theme.positive, "higher"),
    ):
        curve = _curve(report_data, check, name, substrate)
        if not curve:  # there was no time
            continue
        low, high = _band([m.curves[substrate] for m in context.measured(check, measure).values()], context)
        axes.fill_between(
            share, low, high, color=color, alpha=0.2, linewidth=0, label=f"{check} by the controls"
        )
        axes.plot(share, curve, color=color, linewidth=2.2, label=f"{check}: {better} is better")


def _band(curves: Sequence[Sequence[float]], context: CheckContext) -> tuple[Any, Any]:
    """At each point, from the least to the most that the controls reach: random maps count with their spread."""
    by_name = dict(zip(context.controls, np.array(curves), strict=True))
    random = np.array([curve for name, curve in by_name.items() if name.startswith("random")])
    mean, sd = random.mean(0), random.std(0, ddof=1)
    all_of_them = np.array([mean - WIDTH * sd, mean + WIDTH * sd, by_name[GAUSSIAN], by_name[EDGES]])
    return all_of_them.min(0).clip(0), all_of_them.max(0)


def _curves(report_data: ReportData, name: str, substrate: str) -> list[Sequence[float]]:
    return [_curve(report_data, check, name, substrate) for check in ("deletion", "insertion")]


def _curve(report_data: ReportData, check: str, name: str, substrate: str) -> Sequence[float]:
    result = report_data.check_result(check, name)
    return result.curves.get(substrate, ()) if result else ()


def _line(index: int, theme: Theme) -> dict[str, Any]:
    colors = theme.colors[:-1]  # the last is too near to the paper
    return {
        "color": colors[index % len(colors)],
        "linestyle": _STYLES[index // len(colors) % len(_STYLES)],
        "linewidth": 1.9,
    }


def _removal_alt(report_data: ReportData, substrate: str) -> str:
    standing = report_data.standing()
    return (
        f"A panel for each of {len(report_data.names)} methods: the probability while cells are hidden, "
        f"and while they are "
        f"shown ({substrate} behind them), each beside the band of the controls. "
        + (
            f"Beyond all controls in both: {', '.join(standing)}."
            if standing
            else "No method is beyond all controls."
        )
    )


@drawn
def plot_randomization(report_data: ReportData, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Similarity of each map to those of networks shuffled ever deeper."""
    canvas, axes = new_figure(1, 1, title="", size=(11, 6), theme=theme)
    results = [
        (i, f)
        for i, name in enumerate(report_data.names)
        if (f := report_data.check_result("randomization", name)) and f.curves
    ]
    for index, check_result in results:
        curve = check_result.curves["spearman"]
        axes[0, 0].plot(
            range(len(curve) + 1),
            (1, *curve),
            marker="o",
            markersize=5,
            label=check_result.method,
            **_line(index, theme),
        )
    _randomization_frame(axes[0, 0], report_data, [check_result for _, check_result in results], theme)
    canvas.legend(loc="outside lower center", ncols=3, frameon=False)
    worst = max(results, key=lambda pair: pair[1].values["spearman"], default=None)
    alt = "Rank correlation with the original map, falling from 1 as more of the network is shuffled."
    if worst:
        alt += f" Highest on average: {worst[1].method}, {worst[1].values['spearman']:.2f}."
    return Figure(canvas, caption="", alt=alt, theme=theme)


def _randomization_frame(axes: Axes, report_data: ReportData, check_results: list[Any], theme: Theme) -> None:
    axes.axhline(1, color=theme.ink, linewidth=1.6, linestyle="--", label="a map that ignores the network")
    if check_results:
        control_scores = check_results[0].control_scores["spearman"]
        limits = (
            control_scores.mean - WIDTH * control_scores.sd,
            control_scores.mean + WIDTH * control_scores.sd,
        )
        axes.axhspan(
            *limits, color=theme.faint, alpha=0.55, linewidth=0, label="unrelated random maps, ±2 sd"
        )
        names = [".".join(part[-1].split(".")[:2]) for part in stages(layers_with_weights(report_data.model))]
        axes.set_xticks(range(len(names) + 1), ["nothing", *names])
    label(axes, "shuffled from the top layer down to", "rank correlation of magnitudes")
    axes.set_ylim(-0.3, 1.06)
