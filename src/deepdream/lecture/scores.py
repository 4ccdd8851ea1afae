"""Scores to set a threshold on: a medical screening, and a matching task without faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.csv_columns import load_words
from deepdream.lecture.datasets import Dataset, load_table

__all__ = [
    "Scores",
    "breast_cancer_scores",
    "csv_scores",
    "digit_pair_scores",
    "out_of_fold_scores",
    "table_scores",
]


@dataclass(frozen=True)
class Scores:
    """What a threshold is chosen for: ``y_true`` (n,) in {0, 1}, ``score`` (n,), ``groups`` (n) or none.

    ``calibrated``: whether the score may be read as a probability; only then the theory of costs applies.
    """

    y_true: NDArray[np.int64]
    score: NDArray[np.float64]
    positive: str
    negative: str
    about: str
    calibrated: bool
    groups: tuple[str, ...] | None = field(default=None)


def out_of_fold_scores(X: NDArray[np.float64], y: NDArray[np.int64], *, seed: int = 0) -> NDArray[np.float64]:
    """P(y = 1) by a logistic regression that has not seen the sample: 5-fold cross-validation, shape (n,).

    >>> X = np.arange(20.0)[:, None]
    >>> out_of_fold_scores(X, (X[:, 0] > 9).astype(int)).shape
    (20,)
    """
    if min(np.bincount(y, minlength=2)) < 5:
        raise UsageError("Five-fold cross-validation needs at least 5 samples of each class.")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    # Each probability comes from a model that did not see the sample; otherwise all would look too good.
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    probability: NDArray[np.float64] = cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
    return probability


def breast_cancer_scores(seed: int = 0) -> Scores:
    """569 tumors (Wisconsin, 1995; ships with scikit-learn): the probability of *malignant*, out of fold.

    >>> breast_cancer_scores().positive
    'malignant'
    """
    samples = load_breast_cancer()
    malignant = (samples.target == 0).astype(np.int64)  # scikit-learn's own target counts benign as 1
    return Scores(
        y_true=malignant,
        score=out_of_fold_scores(samples.data, malignant, seed=seed),
        positive="malignant",
        negative="benign",
        about="569 breast tumors, 30 measurements; logistic regression, 5-fold out-of-fold probabilities",
        calibrated=True,
    )


def table_scores(
    table: Dataset, *, positive: str | None = None, groups: Sequence[str] | None = None, seed: int = 0
) -> Scores:
    """Out-of-fold probabilities of the class ``positive`` (default: the last one) of a table.

    >>> from deepdream.lecture.datasets import bundled
    >>> table_scores(bundled("wine"), positive="class_1").negative
    'not class_1'
    """
    chosen = table.classes[-1] if positive is None else positive
    if chosen not in table.classes:
        raise UnknownNameError("class", chosen, table.classes, where=table.about)
    y = (table.y == table.classes.index(chosen)).astype(np.int64)
    others = [name for name in table.classes if name != chosen]
    return Scores(
        y_true=y,
        score=out_of_fold_scores(table.X, y, seed=seed),
        positive=chosen,
        negative=others[0] if len(others) == 1 else f"not {chosen}",
        about=f"{table.about}, {table.X.shape[1]} columns; out-of-fold logistic regression",
        calibrated=True,
        groups=None if groups is None else tuple(groups),
    )


def csv_scores(
    path: str | Path,
    *,
    target: str | None = None,
    positive: str | None = None,
    groups: str | None = None,
    seed: int = 0,
) -> Scores:
    """Scores for a CSV file; ``groups`` and ``target`` are columns that may hold words.

    Of the targets 0 and 1, or no and yes, the last is positive unless ``positive`` names another. The model
    does not see the groups. Only its errors are counted by group.

    >>> rows = "".join(f"{i},{'ab'[i % 2]},{int(i > 4)}\\n" for i in range(10))
    >>> _ = Path("people.csv").write_text("age,group,survived\\n" + rows)
    >>> csv_scores("people.csv", groups="group").groups[:3]
    ('a', 'b', 'a')
    """
    if groups is not None and groups == target:
        raise UsageError(f"The column '{groups}' cannot be both the target and the groups.")
    # The groups are read apart from the table, so that the model cannot use them.
    members = None if groups is None else load_words(path, groups)
    table = load_table(path, target, without=() if groups is None else (groups,))
    return table_scores(table, positive=positive, groups=members, seed=seed)


def digit_pair_scores(seed: int = 0, *, pairs: int = 2000) -> Scores:
    """Pairs of handwritten digits: how alike are they (cosine, in [-1, 1]), and are they the same digit?

    This is what a face recognition system does, without faces: it compares two pictures and gives a
    *similarity*, which is not a probability. Half of the pairs match. The group is the first picture's digit.

    >>> digit_pair_scores(pairs=10).y_true.sum()
    np.int64(5)
    """
    samples = load_digits()
    rng = np.random.default_rng(seed)
    centered = samples.data - samples.data.mean(axis=0)
    # Without the mean, which all digits share, the cosine would be near 1 for every pair.
    unit = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    first = rng.integers(len(unit), size=pairs)
    same = np.arange(pairs) % 2 == 0
    second = first.copy()
    for pair, index in enumerate(first):
        matching = samples.target == samples.target[index]
        candidates = np.flatnonzero(matching if same[pair] else ~matching)
        second[pair] = rng.choice(candidates[candidates != index])
    return Scores(
        y_true=same.astype(np.int64),
        score=np.einsum("ij,ij->i", unit[first], unit[second]),
        positive="same digit",
        negative="different digits",
        about=f"{pairs} pairs of 8 × 8 handwritten digits; cosine similarity of the pixels, mean removed",
        calibrated=False,
        groups=tuple(f"digit {d}" for d in samples.target[first]),
    )
