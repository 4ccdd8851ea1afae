"""The same points with and without labels, and how good a clustering is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture.clusters import Clustering
from deepdream.lecture.plots.plane_drawing import MARKERS

__all__ = ["plot_clusters"]


@drawn
def plot_clusters(
    X: NDArray[np.float64],
    y: NDArray[np.int64],
    clusterings: Sequence[Clustering],
    *,
    chosen: Clustering,
    features: Sequence[str],
    classes: Sequence[str],
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """Unsupervised and supervised side by side in one plane, and two scores by k."""
    canvas, axes = new_figure(
        2, 2, title="The same points, without and with labels", size=(13, 11), theme=theme
    )
    plane, (centers,), (across, up) = _plane(X, chosen.centers, features=features)
    _points(axes[0, 0], plane, chosen.labels, [f"cluster {c + 1}" for c in range(chosen.k)], theme)
    axes[0, 0].plot(*centers.T, "P", color=theme.ink, markersize=18, markeredgecolor=theme.paper)
    label(axes[0, 0], across, up, f"unsupervised: k-means, k = {chosen.k}")
    _points(axes[0, 1], plane, y, classes, theme)
    label(axes[0, 1], across, up, "supervised: every point has its label")
    _by_k(axes[1, 0], clusterings, "inertia", chosen, theme)
    _by_k(axes[1, 1], clusterings, "silhouette", chosen, theme)
    return Figure(
        canvas,
        caption="What: k-means finds groups without labels (plus signs: centers); the labels were given "
        "by people. Why: clustering explores structure, classification predicts a label. Inertia always "
        "falls with k, so it cannot choose k; the silhouette weighs near against far. All numbers use "
        "all columns.",
        alt=f"{len(X)} points; k-means with k = {chosen.k} agrees with the labels to an adjusted Rand "
        f"index of {chosen.agreement(y):.2f}.",
        numbers={
            "k": [c.k for c in clusterings],
            "inertia": [c.inertia for c in clusterings],
            "silhouette": [c.silhouette for c in clusterings],
        },
        theme=theme,
    )


def _plane(
    X: NDArray[np.float64], *others: NDArray[np.float64], features: Sequence[str]
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], tuple[str, str]]:
    """What to draw of many columns: the first two, or beyond four columns the two principal components."""
    if X.shape[1] <= 4:
        return X[:, :2], [other[:, :2] for other in others], (features[0], features[1])
    # k-means itself uses all columns; the plane is only for the eye.
    flat = PCA(2, random_state=0).fit(X)
    names = ("first principal component", "second principal component")
    return flat.transform(X), [flat.transform(other) for other in others], names


def _points(
    axes: Axes, X: NDArray[np.float64], groups: NDArray[np.int64], names: Sequence[str], theme: Theme
) -> None:
    for index, name in enumerate(names):
        axes.plot(
            *X[groups == index, :2].T,
            MARKERS[index % 10],
            linestyle="none",
            alpha=0.8,
            label=name,
            color=theme.colors[index % 7],
            markeredgecolor=theme.paper,
        )
    if len(names) <= 7:
        axes.legend(loc="best")


def _by_k(
    axes: Axes, clusterings: Sequence[Clustering], score: str, chosen: Clustering, theme: Theme
) -> None:
    axes.plot(
        [c.k for c in clusterings], [getattr(c, score) for c in clusterings], "o-", color=theme.negative
    )
    axes.plot([chosen.k], [getattr(chosen, score)], "o", color=theme.positive, markersize=15)
    axes.set_xticks([c.k for c in clusterings])
    words = {"inertia": "intra-cluster variance (inertia)", "silhouette": "silhouette"}[score]
    # From 0, so that a small difference does not look like a large one.
    axes.set_ylim(bottom=0)
    label(axes, "number of clusters k", words)
