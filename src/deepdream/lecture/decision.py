"""Thresholds: how a score becomes a decision, what each kind of error costs, and whom it hits.

A model gives a *score*. A person chooses a *threshold* t, and ``score >= t`` is acted upon. Everything here
follows from counting the four outcomes at a threshold; no function here needs the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepdream.errors import UsageError

__all__ = [
    "BestThreshold",
    "Confusion",
    "area_under_roc",
    "best_threshold",
    "brier_score",
    "ratio",
    "theoretical_threshold",
    "threshold_table",
]


def ratio(part: int, whole: int) -> float | None:
    """``part / whole``; None of nothing, because a rate without samples is not 0.

    >>> ratio(1, 4), ratio(0, 0)
    (0.25, None)
    """
    return part / whole if whole else None


@dataclass(frozen=True)
class Confusion:
    """The four counts at one threshold: ``score >= threshold`` is called positive."""

    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int
    group: str = "all"

    @property
    def tpr(self) -> float | None:
        """True positive rate (recall, sensitivity): TP / (TP + FN)."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def fnr(self) -> float | None:
        """False negative rate (miss rate): FN / (TP + FN)."""
        return ratio(self.fn, self.tp + self.fn)

    @property
    def fpr(self) -> float | None:
        """False positive rate (false alarms, in face recognition the false match rate): FP / (FP + TN)."""
        return ratio(self.fp, self.fp + self.tn)

    @property
    def precision(self) -> float | None:
        """Of those called positive, the share that is: TP / (TP + FP)."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def accuracy(self) -> float | None:
        """(TP + TN) / all. It hides which of the two errors was made."""
        return ratio(self.tp + self.tn, self.total)

    @property
    def selection_rate(self) -> float | None:
        """The share that is called positive: (TP + FP) / all."""
        return ratio(self.tp + self.fp, self.total)

    @property
    def total(self) -> int:
        return self.tp + self.fp + self.fn + self.tn

    def cost(self, *, cost_fp: float = 1, cost_fn: float = 1) -> float:
        """cost_fp FP + cost_fn FN."""
        return cost_fp * self.fp + cost_fn * self.fn


def threshold_table(
    y_true: ArrayLike,
    score: ArrayLike,
    thresholds: Sequence[float] | None = None,
    *,
    groups: Sequence[str] | None = None,
) -> tuple[Confusion, ...]:
    """The confusion counts at every threshold, in rising order; for each group, if groups are given.

    Args:
        y_true: 0 or 1, shape (n,).
        score: any real number, higher is more positive, shape (n,).
        thresholds: none given means every distinct score and, last, infinity, above which no sample is positive.
        groups: the name of each sample's group, length n.

    >>> threshold_table([0, 1, 1], [0.2, 0.4, 0.9], [0.5])
    (Confusion(threshold=0.5, tp=1, fp=0, fn=1, tn=1, group='all'),)
    """
    truth, scores = _checked(y_true, score)
    where = np.sort(np.append(np.unique(scores), np.inf) if thresholds is None else np.asarray(thresholds))
    if groups is None:
        return _counts(truth, scores, where, "all")
    names = np.asarray(groups, dtype=str)
    if names.shape != truth.shape:
        raise UsageError(f"{len(names)} groups for {len(truth)} samples; each sample needs one.")
    members = {name: names == name for name in sorted(set(names.tolist()))}
    return tuple(row for name, m in members.items() for row in _counts(truth[m], scores[m], where, name))


def _counts(
    truth: NDArray[np.bool_], scores: NDArray[np.float64], where: NDArray[np.float64], group: str
) -> tuple[Confusion, ...]:
    # Sorting once and searching every threshold takes n log n; counting for each would take n².
    below_positive = np.searchsorted(np.sort(scores[truth]), where, side="left")  # = FN: positives under t
    below_negative = np.searchsorted(np.sort(scores[~truth]), where, side="left")  # = TN
    positives = int(truth.sum())
    negatives = len(truth) - positives
    return tuple(
        Confusion(float(t), positives - int(fn), negatives - int(tn), int(fn), int(tn), group)
        for t, fn, tn in zip(where, below_positive, below_negative, strict=True)
    )


def _checked(y_true: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth, scores = np.asarray(y_true), np.asarray(score, dtype=float)
    if truth.ndim != 1 or truth.shape != scores.shape:
        raise UsageError(f"Truth and scores need one value per sample; got {truth.shape} and {scores.shape}.")
    if not np.isin(truth, (0, 1)).all():
        raise UsageError(f"The truth must be 0 or 1; got {sorted(set(truth.tolist()))[:6]}.")
    if np.isnan(scores).any():
        raise UsageError(f"{int(np.isnan(scores).sum())} of {len(scores)} scores are missing (NaN).")
    return truth.astype(bool), scores


@dataclass(frozen=True)
class BestThreshold:
    """The threshold of least cost: by theory, and on these very samples.

    Every threshold above ``empirical_above`` and up to ``empirical`` decides alike; of intervals that tie,
    it is the lowest. It is optimistic, because it is chosen on the samples that it is judged on.
    """

    cost_fp: float
    cost_fn: float
    theory: float
    empirical_above: float
    empirical: float
    cost_at_half: float
    cost_at_theory: float
    cost_at_empirical: float


def theoretical_threshold(*, cost_fp: float = 1, cost_fn: float = 1) -> float:
    """t* = c_fp / (c_fp + c_fn), for a score that is a calibrated probability (Elkan 2001, IJCAI, eq. 2).

    Calling positive costs c_fp (1 - p) in the mean, calling negative costs c_fn p: they tie at p = t*.

    >>> round(theoretical_threshold(cost_fn=10), 4)
    0.0909
    """
    if not (cost_fp >= 0 and cost_fn >= 0 and math.isfinite(cost_fp + cost_fn) and cost_fp + cost_fn > 0):
        raise UsageError(f"Costs must be 0 or more and not both 0; got {cost_fp:g} and {cost_fn:g}.")
    return cost_fp / (cost_fp + cost_fn)


def best_threshold(
    y_true: ArrayLike, score: ArrayLike, *, cost_fp: float = 1, cost_fn: float = 1
) -> BestThreshold:
    """The cheapest threshold by theory and by trying every distinct score.

    The theory holds for calibrated probabilities only; for other scores trust the empirical one.

    >>> best_threshold([0, 1, 0, 1], [0.1, 0.3, 0.6, 0.9], cost_fn=10).empirical
    0.3
    """
    theory = theoretical_threshold(cost_fp=cost_fp, cost_fn=cost_fn)
    table = threshold_table(y_true, score)

    def cost(row: Confusion) -> float:
        return row.cost(cost_fp=cost_fp, cost_fn=cost_fn)

    costs = [cost(row) for row in table]
    best = int(np.argmin(costs))  # the lowest of thresholds that tie
    above = table[best - 1].threshold if best else -math.inf
    at_half, at_theory = (cost(threshold_table(y_true, score, [t])[0]) for t in (0.5, theory))
    empirical = table[best].threshold
    return BestThreshold(cost_fp, cost_fn, theory, above, empirical, at_half, at_theory, costs[best])


def area_under_roc(y_true: ArrayLike, score: ArrayLike) -> float:
    """The probability that a random positive scores above a random negative; ties count half.

    >>> area_under_roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    truth, scores = _checked(y_true, score)
    positive, negative = scores[truth], np.sort(scores[~truth])
    if not len(positive) or not len(negative):
        raise UsageError("The area under the ROC curve needs samples of both classes.")
    # The rank statistic of Mann and Whitney: equal to the area under the curve, without drawing it.
    below = np.searchsorted(negative, positive, side="left")
    up_to = np.searchsorted(negative, positive, side="right")
    return float((below + up_to).sum() / 2 / (len(positive) * len(negative)))


def brier_score(y_true: ArrayLike, probability: ArrayLike) -> float:
    """The mean of (probability - truth)^2: 0 is perfect, .25 is the score of .5 for every sample (Brier 1950).

    >>> brier_score([0, 1], [0.5, 0.5])
    0.25
    """
    truth, scores = _checked(y_true, probability)
    return float(np.mean((scores - truth) ** 2))
