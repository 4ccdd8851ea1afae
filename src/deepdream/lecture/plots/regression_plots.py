"""The same digits, by a network that gives one number and by one that gives ten probabilities."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture.regression import RegressionAndClassification

__all__ = ["plot_regression_and_classification"]


@drawn
def plot_regression_and_classification(
    ways: RegressionAndClassification, *, seed: int = 0, theme: Theme = Theme.LIGHT
) -> Figure:
    """The regressor's raw answers, and both confusion matrices."""
    canvas, axes = new_figure(
        1, 3, title="Regression is not classification with many classes", size=(15, 6.2), theme=theme
    )
    _answers(axes[0, 0], ways, seed, theme)
    _confusion(axes[0, 1], ways.regression_confusion, f"regression, rounded: {ways.regression:.1%} right")
    _confusion(axes[0, 2], ways.classification_confusion, f"classification: {ways.classification:.1%} right")
    return Figure(
        canvas,
        caption="What: held-out handwritten digits (scikit-learn, 64 pixels), one hidden layer of 30, "
        "trained once to give the digit as a number (squared error) and once to give ten probabilities "
        "(cross-entropy). Why: the regressor believes that 3 lies between 2 and 4 and is unsure in the "
        "order of the numbers; the classes of the classifier have no order.",
        alt=f"The rounded regressor is right in {ways.regression:.1%}, the classifier in "
        f"{ways.classification:.1%}.",
        numbers={"regression": ways.regression, "classification": ways.classification},
        theme=theme,
    )


def _answers(axes: Axes, ways: RegressionAndClassification, seed: int, theme: Theme) -> None:
    # Spread sideways, because 45 digits of a kind would lie on one line.
    shaken = ways.truth + np.random.default_rng(seed).uniform(-0.25, 0.25, len(ways.truth))
    axes.plot([-0.5, 9.5], [-0.5, 9.5], color=theme.positive, label="right answer")
    axes.plot(
        shaken, ways.regression_output, "o", markersize=5, alpha=0.6, color=theme.negative, label="one digit"
    )
    axes.set_xticks(range(10))
    axes.set_yticks(range(-2, 13, 2))
    label(axes, "true digit (spread sideways)", "number the regressor gives")
    axes.set_title(f"off by {ways.mean_absolute_error:.2f} in the mean")
    axes.legend(loc="upper left")


def _confusion(axes: Axes, counts: NDArray[np.int64], title: str) -> None:
    axes.imshow(counts, cmap="cividis", vmin=0, vmax=counts.sum(axis=1).max())
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = count < counts.sum(axis=1).max() / 2
            axes.text(
                column,
                row,
                str(count),
                ha="center",
                va="center",
                color="white" if dark else "black",
                fontsize=12,
            )
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    label(axes, "answer", "true digit", title)
    axes.grid(False)
