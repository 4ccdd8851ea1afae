"""With and without labels: the same points, clustered and classified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from deepdream.errors import UsageError

__all__ = ["Clustering", "between_cluster_variance", "cluster", "inertia"]

MANY = 5000  # points; the silhouette compares all with all, so beyond this a random sample must do


@dataclass(frozen=True)
class Clustering:
    """k-means with ``k`` centers, and three numbers that say how good it is.

    ``inertia``: squared distances to the own center, summed; it only ever falls as k grows.
    ``between``: squared distances of the centers to the mean, weighted by size; inertia + between is
    constant.
    ``silhouette``: mean of (b - a) / max(a, b) in [-1, 1]; a: distance to the own cluster, b: to the nearest
    other (Rousseeuw 1987).
    """

    k: int
    labels: NDArray[np.int64]
    centers: NDArray[np.float64]
    inertia: float
    between: float
    silhouette: float

    def agreement(self, y: NDArray[np.int64]) -> float:
        """Adjusted Rand index with the true labels: 1 for the same groups, 0 for groups at random."""
        return float(adjusted_rand_score(y, self.labels))


def cluster(X: NDArray[np.float64], k: int, *, seed: int = 0) -> Clustering:
    """k-means (Lloyd 1957; best of 10 starts) of points X (n, d); it looks at no label.

    >>> cluster(np.array([[0.0], [1.0], [9.0], [10.0]]), 2).inertia
    1.0
    """
    if not 2 <= k < len(X):
        raise UsageError(f"k must be at least 2 and less than the number of points, {len(X)}; got {k}.")
    # One thread: sums in a fixed order, so that the same seed gives the same clusters everywhere.
    with threadpool_limits(1):
        model = KMeans(k, n_init=10, random_state=seed).fit(X)
    labels = model.labels_.astype(np.int64)
    sample = MANY if len(X) > MANY else None
    return Clustering(
        k=k,
        labels=labels,
        centers=model.cluster_centers_,
        inertia=inertia(X, labels),  # by the definitions below, which say what the words mean
        between=between_cluster_variance(X, labels),
        silhouette=float(silhouette_score(X, labels, sample_size=sample, random_state=seed)),
    )


def inertia(X: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The intra-cluster variance that k-means minimizes: sum over points of |x - its cluster's mean|^2.

    >>> inertia(np.array([[0.0], [2.0], [9.0]]), np.array([0, 0, 1]))
    2.0
    """
    return float(sum(((X[labels == c] - X[labels == c].mean(axis=0)) ** 2).sum() for c in np.unique(labels)))


def between_cluster_variance(X: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Sum over clusters of n_c |mean_c - mean|^2: large when the clusters lie far apart.

    >>> between_cluster_variance(np.array([[0.0], [2.0], [9.0]]), np.array([0, 0, 1])).__round__(2)
    42.67
    """
    mean = X.mean(axis=0)
    members = [X[labels == c] for c in np.unique(labels)]
    return float(sum(len(m) * ((m.mean(axis=0) - mean) ** 2).sum() for m in members))
