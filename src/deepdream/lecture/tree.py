"""A single tree: the model that can be read as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier, export_text

from deepdream.errors import UsageError

__all__ = ["ReadableTree", "grow_tree"]


@dataclass(frozen=True)
class ReadableTree:
    """A decision tree, as text and as numbers; ``accuracy`` and ``spread`` are of 5-fold cross-validation."""

    model: Any
    text: str
    nodes: int
    leaves: int
    depth: int
    accuracy: float
    spread: float
    features: tuple[str, ...]
    classes: tuple[str, ...]


def grow_tree(
    X: NDArray[np.float64],
    y: NDArray[np.int64],
    *,
    features: Sequence[str],
    classes: Sequence[str],
    depth: int | None = 2,
    seed: int = 0,
) -> ReadableTree:
    """A CART tree (Breiman et al. 1984, Gini) of at most ``depth`` questions in a row; None: no limit.

    >>> X, y = np.arange(20.0)[:, None], np.repeat([0, 1], 10)
    >>> print(grow_tree(X, y, features=["size"], classes=["small", "large"]).text.splitlines()[0])
    |--- size <= 9.50
    """
    if depth is not None and depth < 1:
        raise UsageError(f"A tree needs a depth of at least 1; got {depth}.")
    if len(np.unique(y)) < 2:
        raise UsageError("A tree needs samples of at least two classes.")
    # Ties between equally good questions are broken at random, hence the seed.
    model = DecisionTreeClassifier(max_depth=depth, random_state=seed)
    # Five folds with every class in each need five samples of the rarest one.
    if min(np.unique(y, return_counts=True)[1]) < 5:
        raise UsageError("Five-fold cross-validation needs at least 5 samples of each class.")
    # The score is cross-validated; the tree that is drawn learns from all samples.
    scores = cross_val_score(model, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=seed))
    model.fit(X, y)
    return ReadableTree(
        model=model,
        text=export_text(model, feature_names=list(features), class_names=list(classes), max_depth=100),
        nodes=int(model.tree_.node_count),
        leaves=int(model.get_n_leaves()),
        depth=int(model.get_depth()),
        accuracy=float(scores.mean()),
        spread=float(scores.std()),
        features=tuple(features),
        classes=tuple(classes),
    )
