"""Rosenblatt's perceptron (1958): learning from mistakes, and a bound on how many there can be.

score       z = w·x + b            a sample of class y = ±1 is right where y z > 0
a mistake   w ← w + η y x          the line turns toward the sample
            b ← b + η y            and shifts toward it
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from deepdream.lecture.neuron import signs

__all__ = ["MistakeBound", "Perceptron", "PerceptronUpdate", "convergence_bound"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PerceptronUpdate:
    """One mistake, and the line after it: in ``epoch``, sample number ``sample`` was on the wrong side."""

    epoch: int
    sample: int
    weights: Floats
    bias: float


class Perceptron(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A line that turns toward every sample it gets wrong: ``w ← w + η y x``, ``b ← b + η y``, y = ±1.

    A score of exactly 0 counts as a mistake while training, and as the second class when predicting.
    Rosenblatt 1958, doi:10.1037/h0042519.

    >>> model = Perceptron().fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1])
    >>> model.weights_.tolist(), float(model.bias_), model.mistakes_
    ([3.0, 2.0], -4.0, 18)

    Learned: ``weights_`` (d,), ``bias_``, ``mistakes_`` (their number), ``updates_`` (each of them),
    ``epochs_``, ``converged_``, ``classes_``.
    """

    def __init__(self, lr: float = 1.0, max_epochs: int = 1000, shuffle: bool = False, seed: int = 0) -> None:
        self.lr = lr
        self.max_epochs = max_epochs
        self.shuffle = shuffle
        self.seed = seed

    def updates(self, X: ArrayLike, y: ArrayLike) -> Iterator[PerceptronUpdate]:
        """Learn, giving every mistake as it happens; ends after an epoch without mistakes."""
        X, s = np.asarray(X, float), signs(y)
        # From zero, the learning rate scales the line and does not change the number of mistakes.
        w, b = np.zeros(X.shape[1]), 0.0
        rng = np.random.default_rng(self.seed)
        for epoch in range(1, self.max_epochs + 1):
            self.epochs_, self.converged_ = epoch, True
            for i in rng.permutation(len(X)) if self.shuffle else range(len(X)):
                # At 0 the sample lies on the line: a mistake, or zero weights would never change.
                if s[i] * (w @ X[i] + b) <= 0:
                    w, b = w + self.lr * s[i] * X[i], b + self.lr * s[i]
                    self.converged_ = False
                    yield PerceptronUpdate(epoch, int(i), w, float(b))
            if self.converged_:
                return

    def fit(self, X: Any, y: Any) -> Self:
        """Learn until an epoch passes without mistakes, or ``max_epochs``. ``X``: (n, d), ``y``: (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        # Every mistake is stored: the animation shows them, and their number is the result.
        self.updates_ = list(self.updates(X, y))
        self.mistakes_ = len(self.updates_)
        last = self.updates_[-1]  # the first sample has score 0, so there is a first mistake
        self.weights_, self.bias_ = last.weights, last.bias
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """The score ``w·x + b`` of each sample, shape (n,)."""
        check_is_fitted(self)
        scores: Floats = validate_data(self, X, dtype=np.float64, reset=False) @ self.weights_ + self.bias_
        return scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class of each sample: the second one where the score is at least 0."""
        second = self.decision_function(X) >= 0
        predicted: NDArray[Any] = self.classes_[second.astype(int)]
        return predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


@dataclass(frozen=True)
class MistakeBound:
    """Novikoff's bound: at most ``(radius / margin)²`` mistakes; infinite if no line separates."""

    radius: float
    margin: float
    bound: float


def convergence_bound(X: ArrayLike, y: ArrayLike) -> MistakeBound:
    """How many mistakes the perceptron can make on ``X`` (n, d), ``y`` (n,) at most (Novikoff 1962).

    The samples are augmented to (x, 1), so that the bias is one more weight and the line passes through
    the origin. The margin is that of the best line, ``min ‖w‖`` with ``y w·(x, 1) >= 1``, found as a
    non-negative least squares problem (Lawson and Hanson 1974, ch. 23).

    >>> round(convergence_bound([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1]).bound, 6)
    51.0
    """
    augmented = np.column_stack([np.asarray(X, float), np.ones(len(np.asarray(X)))])
    radius = float(np.linalg.norm(augmented, axis=1).max())
    # Scaled by the radius, so that the tolerance below does not depend on the units of the data.
    signed = signs(y)[:, None] * augmented / radius
    system = np.vstack([signed.T, np.ones(len(signed))])
    target = np.append(np.zeros(augmented.shape[1]), 1.0)
    residual = system @ nnls(system, target, maxiter=100 * len(signed))[0] - target
    # A residual of zero: mixtures of both classes meet, so no line separates them.
    if np.linalg.norm(residual) < 1e-9:
        return MistakeBound(radius, 0.0, float("inf"))
    weights = -residual[:-1] / residual[-1]
    margin = radius / float(np.linalg.norm(weights))
    return MistakeBound(radius, margin, (radius / margin) ** 2)
