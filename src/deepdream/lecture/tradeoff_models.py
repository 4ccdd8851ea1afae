"""The models of the chart "accuracy against transparency", from scikit-learn, from left to right."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif, f_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

__all__ = ["classifiers", "regressors", "usual_models"]


def usual_models(
    y: NDArray[Any], *, task: Literal["classification", "regression"] = "classification", seed: int = 0
) -> dict[str, Any]:
    """The models that :func:`measure_tradeoff` takes by default.

    Beyond 3 classes boosting is left out: it grows a tree per class and step, minutes instead of seconds.

    >>> "boosting" in usual_models(np.arange(4))
    False
    """
    if task == "regression":
        return regressors(seed)
    chosen = classifiers(seed)
    if len(np.unique(y)) > 3:
        del chosen["boosting"]
    return chosen


def classifiers(seed: int = 0) -> dict[str, Any]:
    """The chart's models from left to right, with scikit-learn's defaults, on standardized inputs.

    >>> list(classifiers())[:3]
    ['majority', 'univariate', 'linear']
    """
    return {
        "majority": DummyClassifier(),
        "univariate": make_pipeline(
            VarianceThreshold(),
            SelectKBest(f_classif, k=1),
            StandardScaler(),
            LogisticRegression(max_iter=5000),
        ),
        "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)),
        "GAM": make_pipeline(StandardScaler(), SplineTransformer(), LogisticRegression(max_iter=5000)),
        "tree, depth 3": DecisionTreeClassifier(max_depth=3, random_state=seed),
        "tree, full": DecisionTreeClassifier(random_state=seed),
        "SVM, linear": make_pipeline(StandardScaler(), SVC(kernel="linear")),
        "SVM, RBF": make_pipeline(StandardScaler(), SVC()),
        "random forest": RandomForestClassifier(100, random_state=seed),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
        "MLP": make_pipeline(StandardScaler(), MLPClassifier((100,), max_iter=1000, random_state=seed)),
    }


def regressors(seed: int = 0) -> dict[str, Any]:
    """The same row of models for a number instead of a class.

    >>> list(regressors())[:3]
    ['mean', 'univariate', 'linear']
    """
    return {
        "mean": DummyRegressor(),
        "univariate": make_pipeline(VarianceThreshold(), SelectKBest(f_regression, k=1), LinearRegression()),
        "linear": make_pipeline(StandardScaler(), LinearRegression()),
        "GAM": make_pipeline(StandardScaler(), SplineTransformer(), Ridge()),
        "tree, depth 3": DecisionTreeRegressor(max_depth=3, random_state=seed),
        "tree, full": DecisionTreeRegressor(random_state=seed),
        "SVM, linear": make_pipeline(StandardScaler(), SVR(kernel="linear", C=10)),
        "SVM, RBF": make_pipeline(StandardScaler(), SVR(C=100)),
        "random forest": RandomForestRegressor(100, random_state=seed),
        "boosting": HistGradientBoostingRegressor(random_state=seed),
        "MLP": make_pipeline(
            StandardScaler(), MLPRegressor(hidden_layer_sizes=(100,), max_iter=1000, random_state=seed)
        ),
    }
