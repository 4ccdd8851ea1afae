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
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from deepdream.errors import UsageError
from deepdream.lecture.tradeoff_models import usual_models

__all__ = [
    "CLAIMED_ORDER",
    "TradeoffPoint",
    "features_used",
    "measure_tradeoff",
    "numbers_to_hold",
    "ties_with_best",
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

    Differences within one ``spread`` are not a ranking; :func:`ties_with_best` names the models that tie.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> (point,) = measure_tradeoff(*load_iris(return_X_y=True), models={"tree": DecisionTreeClassifier(max_depth=3)})
    >>> round(point.score, 2), point.features <= 4
    (0.93, True)
    """
    classify = task == "classification"
    if classify and min(np.unique(y, return_counts=True)[1]) < folds:
        raise UsageError(f"{folds}-fold cross-validation needs at least {folds} samples of each class.")
    if len(y) < 2 * folds:
        raise UsageError(f"{folds}-fold cross-validation needs at least {2 * folds} samples; got {len(y)}.")
    candidates = usual_models(y, task=task, seed=seed) if models is None else models
    splits = (StratifiedKFold if classify else KFold)(folds, shuffle=True, random_state=seed)
    parts = list(splits.split(X, y))
    return (_measure(name, model, X, y, parts) for name, model in candidates.items())


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
        # A model that has not converged is measured as it is: the chart compares what people get.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X[train], y[train])
    classify = hasattr(model, "classes_")
    measure = accuracy_score if classify else r2_score
    surrogate = (DecisionTreeClassifier if classify else DecisionTreeRegressor)(max_depth=3, random_state=0)
    # The small tree learns the answers of the model and not the truth: it shows how simple the model is.
    surrogate.fit(X[train], model.predict(X[train]))
    answers, imitated = model.predict(X[test]), surrogate.predict(X[test])
    if len(np.unique(answers)) > 1:
        fidelity = float(measure(answers, imitated))
    else:  # a constant model: R^2 is not defined
        fidelity = float(
            np.mean(np.isclose(answers, imitated) if answers.dtype.kind == "f" else answers == imitated)
        )
    return (
        measure(y[test], answers),
        numbers_to_hold(model),
        features_used(model, X.shape[1]),
        fidelity,
    )


def ties_with_best(rows: list[TradeoffPoint]) -> list[str]:
    """The models whose score lies within one spread (the best model's) of the best score.

    >>> ties_with_best([TradeoffPoint("a", 0.9, 0.02, 1, 1, 1), TradeoffPoint("b", 0.89, 0.5, 1, 1, 1)])
    ['a', 'b']
    """
    best = max(rows, key=lambda row: row.score)
    return [row.model for row in rows if row.score >= best.score - best.spread]


def numbers_to_hold(model: Any) -> int:
    """How many numbers a fitted model consists of: what a reader would have to hold to follow it by hand.

    Coefficients and biases; two numbers (feature, threshold) per question of a tree and one per leaf; for a
    kernel machine its support vectors and their weights. Standardizing the input is not counted: it can be
    folded into the first coefficients.

    >>> from sklearn.linear_model import LinearRegression
    >>> numbers_to_hold(LinearRegression().fit([[0, 1], [1, 0], [2, 2]], [0, 1, 2]))
    3
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
    # A kernel machine has no coefficients per feature: it keeps whole samples.
    if getattr(last, "kernel", "linear") != "linear":
        return int(last.support_vectors_.size + last.dual_coef_.size + last.intercept_.size)
    if hasattr(last, "coef_"):
        return int(np.size(last.coef_) + np.size(last.intercept_))
    return 1  # the constant answer of a dummy


def _tree_numbers(is_leaf: NDArray[np.bool_]) -> int:
    return int(2 * (~is_leaf).sum() + is_leaf.sum())


def features_used(model: Any, total: int) -> int:
    """How many of the ``total`` input features the fitted model can look at.

    >>> features_used(DecisionTreeClassifier().fit([[0, 5], [1, 5]], [0, 1]), total=2)
    1
    """
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
    selectors = [step for step in _steps(model) if isinstance(step, SelectKBest)]
    return int(selectors[0].get_support().sum()) if selectors else total


def _steps(model: Any) -> list[Any]:
    return [step for _, step in model.steps] if hasattr(model, "steps") else [model]


def _last(model: Any) -> Any:
    return _steps(model)[-1]
