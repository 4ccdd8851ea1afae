"""Is regression a classification with infinitely small classes? One architecture, trained in both ways."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

__all__ = ["RegressionAndClassification", "compare_regression_and_classification"]

TRAINING = {"hidden_layer_sizes": (30,), "learning_rate_init": 0.01, "max_iter": 100}  # of both networks


@dataclass(frozen=True)
class RegressionAndClassification:
    """Accuracies on held-out digits, and the confusions (10, 10): row true digit, column answer.

    ``renamed_*`` are the accuracies after the digits were renamed by a random permutation: a classifier
    gives the same accuracy, because its classes have no order; a regressor does not.
    """

    regression: float
    classification: float
    renamed_regression: float
    renamed_classification: float
    mean_absolute_error: float
    regression_output: NDArray[np.float64]
    truth: NDArray[np.int64]
    regression_confusion: NDArray[np.int64]
    classification_confusion: NDArray[np.int64]


def compare_regression_and_classification(*, seed: int = 0) -> RegressionAndClassification:
    """Fit 64-30-1 with squared error, rounded to the nearest digit, and 64-30-10 with softmax cross-entropy.

    Both on scikit-learn's digits, pixels / 16, one stratified quarter held out.

    >>> result = compare_regression_and_classification()
    >>> result.classification > 0.9 > result.regression
    True
    """
    samples = load_digits()
    # Renaming the digits destroys their order and nothing else: only the regressor can notice.
    names = np.random.default_rng(seed).permutation(10)
    X = samples.data / 16
    output, answer, truth = _both(X, samples.target, seed)
    renamed_output, renamed_answer, renamed_truth = _both(X, names[samples.target], seed)
    return RegressionAndClassification(
        regression=_accuracy(_nearest_digit(output), truth),
        classification=_accuracy(answer, truth),
        renamed_regression=_accuracy(_nearest_digit(renamed_output), renamed_truth),
        renamed_classification=_accuracy(renamed_answer, renamed_truth),
        mean_absolute_error=float(np.abs(output - truth).mean()),
        regression_output=output,
        truth=truth,
        regression_confusion=_confusion(truth, _nearest_digit(output)),
        classification_confusion=_confusion(truth, answer),
    )


def _both(
    X: NDArray[np.float64], y: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Regression output, classification answer and truth for the held-out quarter."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 epochs for both, converged or not
        regressor = MLPRegressor(**TRAINING, random_state=seed).fit(X_train, y_train)
        classifier = MLPClassifier(**TRAINING, random_state=seed).fit(X_train, y_train)
    return regressor.predict(X_test), classifier.predict(X_test), y_test


def _nearest_digit(output: NDArray[np.float64]) -> NDArray[np.int64]:
    # The regressor may give -1 or 11; the nearest digit is the fairest reading.
    return np.clip(np.rint(output), 0, 9).astype(np.int64)


def _accuracy(answer: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    return float((answer == truth).mean())


def _confusion(truth: NDArray[np.int64], answer: NDArray[np.int64]) -> NDArray[np.int64]:
    counts = np.zeros((10, 10), dtype=np.int64)
    np.add.at(counts, (truth, answer), 1)
    return counts
