"""Parts of figures that several lessons share: samples, and the output of a network over the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from deepdream.figures import Theme
from deepdream.lecture.datasets import Dataset

__all__ = ["MARKERS", "draw_map", "plain_ticks", "plane_grid", "scatter_classes"]

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def scatter_classes(axes: Axes, dataset: Dataset, theme: Theme, *, size: float = 90.0) -> None:
    """The samples in the plane of the first two columns: each class its color and its marker."""
    for number, name in enumerate(dataset.classes):
        points = dataset.X[dataset.y == number]
        axes.scatter(
            points[:, 0], points[:, 1], s=size, marker=MARKERS[number % 10],
            color=theme.colors[number % 7], edgecolor=theme.paper, linewidth=1, label=name, zorder=3,
        )  # fmt: skip


def plane_grid(dataset: Dataset, points: int = 80) -> tuple[Any, Any, torch.Tensor]:
    """Two axes that cover the first two columns, and all their pairs as inputs (points², 2)."""
    low, high = dataset.X[:, :2].min(0), dataset.X[:, :2].max(0)
    # A margin, so that no sample lies on the frame.
    edge = 0.15 * (high - low)
    x, y = (np.linspace(low[i] - edge[i], high[i] + edge[i], points) for i in (0, 1))
    return x, y, torch.tensor(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))


def draw_map(
    axes: Axes,
    edges: tuple[Any, Any],
    values: Any,
    theme: Theme,
    *,
    limits: tuple[float, float],
    alpha: float = 1.0,
) -> Any:
    """The output of a neuron over the plane, as an image behind everything; ``values`` is (y, x)."""
    x, y = edges
    return axes.imshow(
        values, origin="lower", extent=(x[0], x[-1], y[0], y[-1]), aspect="auto", cmap=theme.diverging,
        vmin=limits[0], vmax=limits[1], alpha=alpha, interpolation="bilinear", zorder=0,
    )  # fmt: skip


def plain_ticks(axes: Axes) -> None:
    """0.02 instead of 2 × 10⁻² on a log axis: quicker to read, and to draw."""
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(which="minor", labelsize=12)
