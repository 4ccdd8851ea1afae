"""Many dimensions on a flat sheet: PCA and t-SNE, with numbers that say what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from deepdream.errors import UnknownNameError, UsageError

__all__ = [
    "CAUTIONS",
    "SETTINGS",
    "Embedding",
    "embed",
    "embedding_grid",
    "grid_settings",
    "nearest_neighbor_score",
]

NEIGHBORS = 12  # for the trustworthiness
SETTINGS = {"perplexity": 30.0, "early_exaggeration": 12.0, "learning_rate": 0.0}  # rate 0 means automatic

CAUTIONS = (
    "Settings matter: try several perplexities before you believe a shape.",
    "The size of a cluster means nothing: t-SNE evens out densities.",
    "The distance between two clusters usually means nothing: only near neighbors are kept.",
    "Noise can look like clusters, above all at a low perplexity.",
    "One picture is not enough: run other seeds, and check a score in the original space.",
)
"""After Wattenberg, Viegas, Johnson 2016, "How to Use t-SNE Effectively", doi:10.23915/distill.00002."""


@dataclass(frozen=True)
class Embedding:
    """Points on a sheet, ``xy`` (n, 2), and how far they can be trusted.

    ``kl`` is the Kullback-Leibler divergence that t-SNE minimizes (none for PCA); it compares runs of one
    perplexity only. ``trustworthiness`` in [0, 1]: are the 12 neighbors on the sheet neighbors in the
    original space (Venna, Kaski 2001)?
    """

    xy: NDArray[np.float64]
    method: str
    kl: float | None
    trustworthiness: float
    settings: Mapping[str, float] = field(default_factory=dict)

    def knn(self, y: NDArray[np.int64]) -> float:
        """Accuracy of the nearest neighbor on the sheet, in [0, 1]: do labels stay together?"""
        return nearest_neighbor_score(self.xy, y)


def nearest_neighbor_score(X: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """1-nearest-neighbor accuracy of labels y (n,) in the space of X (n, d), by 5-fold cross-validation.

    >>> nearest_neighbor_score(np.repeat([[0.0], [9.0]], 10, axis=0), np.repeat([0, 1], 10))
    1.0
    """
    # Each of the five folds needs at least one point of each label.
    if min(np.unique(y, return_counts=True)[1]) < 5:
        raise UsageError("The 1-NN score needs at least 5 points of each label.")
    return float(cross_val_score(KNeighborsClassifier(1), X, y, cv=5).mean())


def embed(
    features: NDArray[np.float64],
    *,
    method: Literal["tsne", "pca"] = "tsne",
    perplexity: float = SETTINGS["perplexity"],
    early_exaggeration: float = SETTINGS["early_exaggeration"],
    learning_rate: float = SETTINGS["learning_rate"],
    seed: int = 0,
) -> Embedding:
    """Lay ``features`` (n, d) out in the plane.

    Args:
        method: "pca" (a projection, Pearson 1901) or "tsne" (van der Maaten, Hinton 2008, JMLR 9:2579).
        perplexity: about how many neighbors a point looks at, in (0, n); t-SNE only.
        early_exaggeration: how hard groups are pulled together in the first 250 steps, at least 1.
        learning_rate: step size; 0 takes n / early_exaggeration / 4, at least 50 (Belkina et al. 2019).
        seed: the same seed gives the same picture, bit for bit. PCA starts both methods.

    >>> embed(np.eye(5), method="pca").xy.shape
    (5, 2)
    """
    if features.ndim != 2 or len(features) < 3:
        raise UsageError(f"An embedding needs a table of at least 3 points; got shape {features.shape}.")
    if method == "pca":
        # A seed for PCA, too: its fast solver may start at random.
        xy = PCA(2, random_state=seed).fit_transform(features)
        return Embedding(xy, "PCA", None, _trust(features, xy))
    _check_tsne(len(features), perplexity, early_exaggeration, learning_rate)
    model = TSNE(
        2,
        perplexity=perplexity,
        early_exaggeration=early_exaggeration,
        learning_rate=learning_rate or "auto",
        init="pca",
        random_state=seed,
    )
    with threadpool_limits(1):  # one thread: the same sums on every machine, and faster on a busy one
        xy = model.fit_transform(features).astype(np.float64)
    used = dict(zip(SETTINGS, (perplexity, early_exaggeration, learning_rate), strict=True))
    return Embedding(xy, "t-SNE", float(model.kl_divergence_), _trust(features, xy), used)


def _check_tsne(n: int, perplexity: float, early_exaggeration: float, learning_rate: float) -> None:
    if not 0 < perplexity < n:
        raise UsageError(
            f"Perplexity {perplexity:g} does not fit {n} points: it is about the number of neighbors of a point,"
            f" so it must be less than {n}. At most {max(1, (n - 1) // 3)} is sensible."
        )
    if early_exaggeration < 1 or learning_rate < 0:
        raise UsageError(
            f"early_exaggeration must be at least 1 and learning_rate 0 (automatic) or more; "
            f"got {early_exaggeration:g} and {learning_rate:g}."
        )


def _trust(features: NDArray[np.float64], xy: NDArray[np.float64]) -> float:
    k = min(NEIGHBORS, (len(features) - 1) // 2)  # the measure is defined for k < n / 2
    return float(trustworthiness(features, xy, n_neighbors=k))


def grid_settings(axes: Mapping[str, Sequence[float]]) -> list[dict[str, float]]:
    """Every combination of the settings, the last axis running fastest.

    >>> grid_settings({"perplexity": [5, 30]})
    [{'perplexity': 5}, {'perplexity': 30}]
    """
    for name in axes:
        if name not in SETTINGS:
            raise UnknownNameError("t-SNE setting", name, SETTINGS)
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def embedding_grid(
    features: NDArray[np.float64], axes: Mapping[str, Sequence[float]], *, seed: int = 0
) -> Iterator[Embedding]:
    """t-SNE for every combination of ``axes``, all with one seed, so that only the settings differ.

    Every setting is checked before the first is run.

    >>> [sheet.settings["perplexity"] for sheet in embedding_grid(np.eye(9), {"perplexity": [2, 3]})]
    [2, 3]
    """
    settings = grid_settings(axes)
    # Checked at the start, because a wrong setting would otherwise be found after minutes.
    for chosen in settings:
        full = SETTINGS | chosen
        _check_tsne(len(features), full["perplexity"], full["early_exaggeration"], full["learning_rate"])
    return (embed(features, method="tsne", seed=seed, **chosen) for chosen in settings)
