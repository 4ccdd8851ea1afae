"""The plots of a report: removal curves in the band of the controls, and what shuffling leaves of a map."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from deepdream.attribution.checks import EDGES, GAUSSIAN, SUBSTRATES
from deepdream.attribution.checks.randomization import layers_with_weights, stages
from deepdream.attribution.checks.removal import deletion, insertion, steps_of
from deepdream.attribution.checks.verdicts import WIDTH
from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.report.study import Study

CURVES = ("deletion", "insertion")
_STYLES = ("-", "--", ":", "-.")


@drawn
def plot_removal(study: Study, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Deletion and insertion curves of every method, on both substrates."""
    canvas, axes = new_figure(2, 2, title="", size=(11, 9.2), theme=theme)
    for row, check in enumerate(CURVES):
        for column, substrate in enumerate(SUBSTRATES):
            _removal_axes(axes[row, column], study, check, substrate, theme)
    handles, names = axes[0, 0].get_legend_handles_labels()
    canvas.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    return Figure(canvas, caption="", alt=_removal_alt(study), theme=theme)


def _removal_axes(axes: Axes, study: Study, check: str, substrate: str, theme: Theme) -> None:
    case = study.case
    measured = case.measured(check, deletion if check == "deletion" else insertion)
    steps = steps_of(case.grid[0] * case.grid[1], case.steps)
    share = 100 * (steps / steps[-1]).numpy()
    random = np.array([m.curves[substrate] for name, m in measured.items() if name.startswith("random")])
    mean, sd = random.mean(0), random.std(0, ddof=1)
    band = (mean - WIDTH * sd, mean + WIDTH * sd)
    axes.fill_between(share, *band, color=theme.faint, alpha=0.55, linewidth=0, label="random maps, ±2 sd")
    axes.plot(
        share,
        measured[GAUSSIAN].curves[substrate],
        color=theme.ink,
        linewidth=1.6,
        linestyle="--",
        label=GAUSSIAN,
    )
    axes.plot(
        share, measured[EDGES].curves[substrate], color=theme.ink, linewidth=1.6, linestyle=":", label=EDGES
    )
    for index, name in enumerate(study.names):
        found = study.finding(check, name)
        if found and substrate in found.curves:
            axes.plot(share, found.curves[substrate], label=name, **_line(index, theme))
    hidden = "hidden" if check == "deletion" else "shown"
    label(axes, f"cells {hidden}, %", "probability", f"{check}, {substrate}")
    axes.set_ylim(bottom=0)


def _line(index: int, theme: Theme) -> dict[str, Any]:
    colors = theme.colors
    return {
        "color": colors[index % len(colors)],
        "linestyle": _STYLES[index // len(colors) % len(_STYLES)],
        "linewidth": 1.9,
    }


def _removal_alt(study: Study) -> str:
    standing = study.standing()
    return (
        f"Four panels of probability curves: deletion and insertion, each on a blurred and on a mean-colored "
        f"substrate, for {len(study.names)} methods and three kinds of controls. "
        + (
            f"Beyond all controls in both: {', '.join(standing)}."
            if standing
            else "No method is beyond all controls."
        )
    )


@drawn
def plot_randomization(study: Study, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Similarity of each map to those of networks shuffled ever deeper."""
    canvas, axes = new_figure(1, 1, title="", size=(11, 6), theme=theme)
    found = [
        (i, f)
        for i, name in enumerate(study.names)
        if (f := study.finding("randomization", name)) and f.curves
    ]
    for index, finding in found:
        curve = finding.curves["spearman"]
        axes[0, 0].plot(
            range(len(curve) + 1),
            (1, *curve),
            marker="o",
            markersize=5,
            label=finding.method,
            **_line(index, theme),
        )
    _randomization_frame(axes[0, 0], study, [finding for _, finding in found], theme)
    canvas.legend(loc="outside lower center", ncols=3, frameon=False)
    worst = max(found, key=lambda pair: pair[1].values["spearman"], default=None)
    alt = "Rank correlation with the original map, falling from 1 as more of the network is shuffled."
    if worst:
        alt += f" Highest on average: {worst[1].method}, {worst[1].values['spearman']:.2f}."
    return Figure(canvas, caption="", alt=alt, theme=theme)


def _randomization_frame(axes: Axes, study: Study, findings: list[Any], theme: Theme) -> None:
    axes.axhline(1, color=theme.ink, linewidth=1.6, linestyle="--", label="a map that ignores the network")
    if findings:
        band = findings[0].bands["spearman"]
        limits = (band.mean - WIDTH * band.sd, band.mean + WIDTH * band.sd)
        axes.axhspan(
            *limits, color=theme.faint, alpha=0.55, linewidth=0, label="unrelated random maps, ±2 sd"
        )
        names = [".".join(part[-1].split(".")[:2]) for part in stages(layers_with_weights(study.model))]
        axes.set_xticks(range(len(names) + 1), ["nothing", *names])
    label(axes, "shuffled from the top layer down to", "rank correlation of magnitudes")
    axes.set_ylim(-0.3, 1.06)
