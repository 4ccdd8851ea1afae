"""Left or right, 1958: what the machine sees, what it learns, and when it errs for the last time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture.left_right import LeftRightRun, show_mark

__all__ = ["plot_left_right"]


@drawn
def plot_left_right(
    run: LeftRightRun, others: Sequence[LeftRightRun], *, seed: int = 0, theme: Theme = Theme.LIGHT
) -> Figure:
    """Two stimuli in one retina, the learned weights, one run and the last mistakes of many."""
    canvas, axes = new_figure(
        2, 2, title="Left or right: a simulation of July 1958", size=(13, 11), theme=theme
    )
    _retina(axes[0, 0], seed, theme)
    limit = float(np.abs(run.weights).max()) or 1
    image = axes[0, 1].imshow(run.weights, cmap=theme.diverging, vmin=-limit, vmax=limit)
    canvas.colorbar(image, ax=axes[0, 1], label="weight", shrink=0.85)
    label(axes[0, 1], "column of the retina", "row", "the learned weights")
    axes[0, 1].set_yticks([0, 5, 10, 15])
    axes[0, 1].grid(False)
    axes[1, 0].plot(np.arange(1, len(run.mistakes) + 1), run.mistakes.cumsum(), color=theme.negative)
    # The newspaper's number is drawn for comparison; it was counted with other stimuli.
    axes[1, 0].axvline(50, color=theme.positive, linestyle="--", label="50 attempts (New York Times)")
    label(axes[1, 0], "attempts", "mistakes so far", f"this run: last mistake at {run.last_mistake}")
    axes[1, 0].legend(loc="lower right")
    last = [other.last_mistake for other in others]
    axes[1, 1].hist(last, bins=np.arange(0, len(run.mistakes) + 25, 25).tolist(), color=theme.negative)
    axes[1, 1].axvline(50, color=theme.positive, linestyle="--")
    label(
        axes[1, 1], "attempt of the last mistake", "runs", f"{len(last)} runs: median {np.median(last):.0f}"
    )
    share_by_50 = float(np.mean(np.array(last) <= 50))
    return Figure(
        canvas,
        caption="What: a 20 x 20 retina sees a 4 x 4 mark in its left or right half; Rosenblatt's rule "
        "learns the side. Why: the newspaper's '50 attempts' depends on what was shown. This is a "
        "simulation: the cards of 1958 were not these.",
        alt=f"The weights are negative on the left and positive on the right. {share_by_50:.0%} of {len(last)} "
        "runs make no mistake after attempt 50.",
        numbers={
            "last_mistake": run.last_mistake,
            "median_last_mistake": float(np.median(last)),
            "done_by_50": share_by_50,
        },
        theme=theme,
    )


def _retina(axes: Axes, seed: int, theme: Theme) -> None:
    rng, marks = np.random.default_rng(seed), np.zeros((20, 20))
    sides: set[int] = set()
    while len(sides) < 2:  # marks come at random, and one of each side is needed
        retina, side = show_mark(rng)
        if side not in sides:
            marks += side * retina
            sides.add(side)
    axes.imshow(marks, cmap=theme.diverging, vmin=-1, vmax=1)
    axes.axvline(9.5, color=theme.ink, linestyle=":")
    for side in (-1, 1):
        row, column = np.argwhere(marks == side)[0]
        axes.text(column + 1.5, row - 1.2, "left" if side < 0 else "right", ha="center", fontweight="bold")
    label(axes, "column of the retina", "row", "what it sees: one mark at a time")
    axes.set_ylim(19.5, -3)
    axes.set_yticks([0, 5, 10, 15])
    axes.grid(False)
