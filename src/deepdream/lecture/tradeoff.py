"""Accuracy against transparency, measured.

The lecture shows a chart on which accuracy falls as transparency rises. Rudin (2019, Nature Machine
Intelligence 1:206, Fig. 1) calls it a fictional depiction, taken from DARPA's XAI announcement.
Here the same models meet real data, and what a reader must hold in mind is counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif, f_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from deepdream.errors import UsageError

__all__ = [
    "CLAIMED_ORDER",
    "TradeoffPoint",
    "classifiers",
    "features_used",
    "measure_tradeoff",
    "numbers_to_hold",
    "regressors",
    "ties_with_best",
    "usual_models",
]

CLAIMED_ORDER = (
    "univariate linear regression",
    "generalized additive models",
    "decision trees",
    "SVM",
    "Random Forest",
    "Deep Learning",
)
"""The slide's order from "trivially intuitive" to "still trying to figure it out"; accuracy rises with it."""


@dataclass(frozen=True)
class TradeoffPoint:
    """One model on one data set.

    ``score`` and ``spread``: mean and standard deviation over the folds of the accuracy (R^2 in regression).
    ``numbers`` and ``features``: what the fitted model consists of, and looks at (means over the folds).
    ``fidelity``: how often a tree of depth 3, fitted to the model's answers, answers like the model.
    """

    model: str
    score: float
    spread: float
    numbers: float
    features: float
    fidelity: float


def measure_tradeoff(
    X: NDArray[np.float64],
    y: NDArray[Any],
    *,
    models: Mapping[str, Any] | None = None,
    task: Literal["classification", "regression"] = "classification",
    folds: int = 5,
    seed: int = 0,
) -> Iterator[TradeoffPoint]:
    """Cross-validate every model on X (n, p), y (n,): one measurement after the other, in the models' order.

    Differences within one ``spread`` are no ranking; :func:`ties_with_best` names the models that tie.
    """
    classify = task == "classification"
    if classify and min(np.unique(y, return_counts=True)[1]) < folds:
        raise UsageError(f"{folds}-fold cross-validation needs at least {folds} samples of each class.")
    if len(y) < 2 * folds:
        raise UsageError(f"{folds}-fold cross-validation needs at least {2 * folds} samples; got {len(y)}.")
    chosen = usual_models(y, task=task, seed=seed) if models is None else models
    splits = (StratifiedKFold if classify else KFold)(folds, shuffle=True, random_state=seed)
    parts = list(splits.split(X, y))
    return (_measure(name, model, X, y, parts) for name, model in chosen.items())


def _measure(
    name: str, model: Any, X: NDArray[np.float64], y: NDArray[Any], parts: list[Any]
) -> TradeoffPoint:
    with threadpool_limits(1):  # more threads only wait for each other on tables this small
        rows = np.array([_one_fold(clone(model), X, y, train, test) for train, test in parts])
    score, numbers, features, fidelity = rows.mean(axis=0)
    return TradeoffPoint(
        name, float(score), float(rows[:, 0].std()), float(numbers), float(features), float(fidelity)
    )


def _one_fold(
    model: Any, X: NDArray[np.float64], y: NDArray[Any], train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[float, float, float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X[train], y[train])
    classify = hasattr(model, "classes_")
    measure = accuracy_score if classify else r2_score
    surrogate = (DecisionTreeClassifier if classify else DecisionTreeRegressor)(max_depth=3, random_state=0)
    surrogate.fit(X[train], model.predict(X[train]))
    answers = model.predict(X[test])
    return (
        measure(y[test], answers),
        numbers_to_hold(model),
        features_used(model, X.shape[1]),
        _fidelity(answers, surrogate.predict(X[test]), measure),
    )


def _fidelity(answers: NDArray[Any], imitated: NDArray[Any], measure: Any) -> float:
    if len(np.unique(answers)) == 1:  # a constant model: R^2 is not defined
        return float(
            np.allclose(answers, imitated) if answers.dtype.kind == "f" else (answers == imitated).mean()
        )
    return float(measure(answers, imitated))


def ties_with_best(rows: list[TradeoffPoint]) -> list[str]:
    """The models whose score lies within one spread (the best model's) of the best score."""
    best = max(rows, key=lambda row: row.score)
    return [row.model for row in rows if row.score >= best.score - best.spread]


def usual_models(
    y: NDArray[Any], *, task: Literal["classification", "regression"] = "classification", seed: int = 0
) -> dict[str, Any]:
    """The models that :func:`measure_tradeoff` takes by default.

    Beyond 3 classes boosting is left out: it grows a tree per class and step, minutes instead of seconds.
    """
    if task == "regression":
        return regressors(seed)
    chosen = classifiers(seed)
    if len(np.unique(y)) > 3:
        del chosen["boosting"]
    return chosen


def classifiers(seed: int = 0) -> dict[str, Any]:
    """The chart's models from left to right, with scikit-learn's defaults, on standardized inputs."""
    return {
        "majority": DummyClassifier(),
        "univariate": make_pipeline(
            VarianceThreshold(), SelectKBest(f_classif, k=1), StandardScaler(), _logistic()
        ),
        "linear": make_pipeline(StandardScaler(), _logistic()),
        "GAM": make_pipeline(StandardScaler(), SplineTransformer(), _logistic()),
        "tree, depth 3": DecisionTreeClassifier(max_depth=3, random_state=seed),
        "tree, full": DecisionTreeClassifier(random_state=seed),
        "SVM, linear": make_pipeline(StandardScaler(), SVC(kernel="linear")),
        "SVM, RBF": make_pipeline(StandardScaler(), SVC()),
        "random forest": RandomForestClassifier(100, random_state=seed),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
        "MLP": make_pipeline(StandardScaler(), MLPClassifier((100,), max_iter=1000, random_state=seed)),
    }


def regressors(seed: int = 0) -> dict[str, Any]:
    """The same row of models for a number instead of a class."""
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


def _logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=5000)


def numbers_to_hold(model: Any) -> int:
    """How many numbers a fitted model consists of: what a reader would have to hold to follow it by hand.

    Coefficients and biases; two numbers (feature, threshold) per question of a tree and one per leaf; for a
    kernel machine its support vectors and their weights. Standardizing the input is not counted: it can be
    folded into the first coefficients.
    """
    last = _last(model)
    if hasattr(last, "tree_"):
        return _tree_numbers(last.tree_.children_left < 0)
    if hasattr(last, "estimators_"):
        return sum(_tree_numbers(tree.tree_.children_left < 0) for tree in last.estimators_)
    if hasattr(last, "_predictors"):  # histogram boosting keeps its trees here
        return sum(_tree_numbers(p.nodes["is_leaf"] > 0) for stage in last._predictors for p in stage)
    if hasattr(last, "coefs_"):
        return sum(part.size for part in (*last.coefs_, *last.intercepts_))
    if getattr(last, "kernel", "linear") != "linear":
        return int(last.support_vectors_.size + last.dual_coef_.size + last.intercept_.size)
    if hasattr(last, "coef_"):
        return int(np.size(last.coef_) + np.size(last.intercept_))
    return 1  # the constant answer of a dummy


def _tree_numbers(is_leaf: NDArray[np.bool_]) -> int:
    return int(2 * (~is_leaf).sum() + is_leaf.sum())


def features_used(model: Any, total: int) -> int:
    """How many of the ``total`` input features the fitted model can look at."""
    last = _last(model)
    if isinstance(last, DummyClassifier | DummyRegressor):
        return 0
    if hasattr(last, "tree_"):
        return len(np.unique(last.tree_.feature[last.tree_.feature >= 0]))
    if hasattr(last, "estimators_"):
        return len({f for tree in last.estimators_ for f in tree.tree_.feature.tolist() if f >= 0})
    if hasattr(last, "_predictors"):
        nodes = [p.nodes for stage in last._predictors for p in stage]
        return len({f for n in nodes for f in n["feature_idx"][n["is_leaf"] == 0].tolist()})
    chosen = [step for step in _steps(model) if isinstance(step, SelectKBest)]
    return int(chosen[0].get_support().sum()) if chosen else total


def _steps(model: Any) -> list[Any]:
    return [step for _, step in model.steps] if hasattr(model, "steps") else [model]


def _last(model: Any) -> Any:
    return _steps(model)[-1]
