"""A multilayer perceptron with the interface of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from deepdream.lecture.datasets import one_hot
from deepdream.lecture.mlp import MLP
from deepdream.lecture.training import TrainingSettings, fit

__all__ = ["NIELSEN", "NetworkClassifier"]

NIELSEN = TrainingSettings(lr=3.0, momentum=0.0, batch_size=10, epochs=30)  # of his first chapter (2015)


class NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An MLP with the interface of scikit-learn, for its pipelines and cross-validation.

    Learned: ``model_`` (the MLP), ``history_``, ``classes_``.

    >>> model = NetworkClassifier((4,), "tanh", init="xavier", settings=TrainingSettings(epochs=200))
    >>> model.fit([[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]).predict([[0, 1]]).item()
    'yes'
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (30,),
        activation: str = "sigmoid",
        *,
        output: str = "sigmoid",
        init: str = "nielsen",
        settings: TrainingSettings = NIELSEN,
        seed: int = 0,
    ) -> None:
        # scikit-learn clones an estimator by its arguments, so they are stored as given and checked in fit.
        self.hidden = hidden
        self.activation = activation
        self.output = output
        self.init = init
        self.settings = settings
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Self:
        """Build the network for the data and train it."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        # The words of the error are those that scikit-learn's own estimator checks look for.
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        targets = one_hot(numbers, len(self.classes_))
        sizes = [X.shape[1], *self.hidden, targets.shape[1]]
        self.model_ = MLP(sizes, self.activation, output=self.output, init=self.init, seed=self.seed)
        self.history_ = fit(self.model_, X, targets, self.settings)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each sample."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        predicted: NDArray[Any] = self.classes_[self.model_.predict(X).numpy()]
        return predicted
