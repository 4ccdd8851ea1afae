"""The measured chart: published accuracies, and hand counts of what a reader must hold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from deepdream.errors import UsageError
from deepdream.lecture.tradeoff import (
    TradeoffPoint,
    features_used,
    measure_tradeoff,
    numbers_to_hold,
    ties_with_best,
)
from deepdream.lecture.tradeoff_models import classifiers, regressors, usual_models

LOADERS = {
    "breast_cancer": load_breast_cancer,
    "wine": load_wine,
    "iris": load_iris,
    "digits": load_digits,
}
PUBLISHED = {  # 5-fold accuracies, StratifiedKFold(shuffle, seed 0)
    "majority": (0.627, 0.399, 0.333, 0.101),
    "univariate": (0.909, 0.736, 0.947, 0.240),
    "linear": (0.979, 0.983, 0.960, 0.969),
    "GAM": (0.963, 0.978, 0.953, 0.960),
    "tree, depth 3": (0.930, 0.938, 0.927, 0.465),
    "tree, full": (0.926, 0.927, 0.933, 0.859),
    "SVM, linear": (0.975, 0.961, 0.967, 0.979),
    "SVM, RBF": (0.977, 0.983, 0.953, 0.981),
    "random forest": (0.965, 0.972, 0.940, 0.973),
    "boosting": (0.970, 0.972, 0.947, None),
    "MLP": (0.979, 0.983, 0.953, 0.977),
}
QUICK = ("majority", "univariate", "linear", "tree, depth 3", "tree, full", "SVM, linear", "SVM, RBF")


def check(dataset, names):
    X, y = LOADERS[dataset](return_X_y=True)
    models = {name: classifiers(0)[name] for name in names}
    column = list(LOADERS).index(dataset)
    for row in measure_tradeoff(X, y, models=models):
        assert row.score == pytest.approx(PUBLISHED[row.model][column], abs=0.02), row.model
        assert 0 <= row.fidelity <= 1
        assert row.features <= X.shape[1]


@pytest.mark.parametrize("dataset", ["breast_cancer", "wine", "iris"])
def test_published_accuracies_of_the_quick_models(dataset):
    check(dataset, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", LOADERS)
def test_published_accuracies_of_all_models(dataset):
    check(dataset, [n for n in PUBLISHED if not (n == "boosting" and dataset == "digits")])


@pytest.mark.slow
def test_published_diabetes_scores():
    X, y = load_diabetes(return_X_y=True)
    rows = {row.model: row for row in measure_tradeoff(X, y, task="regression")}
    published = {
        "univariate": 0.306,
        "linear": 0.489,
        "GAM": 0.480,
        "tree, depth 3": 0.296,
        "SVM, RBF": 0.444,
        "random forest": 0.419,
        "MLP": 0.462,
    }
    for name, score in published.items():
        assert rows[name].score == pytest.approx(score, abs=0.02), name
    assert max(rows.values(), key=lambda row: row.score).model == "linear"


def test_a_simple_model_ties_with_the_best_on_breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    chosen = {name: classifiers(0)[name] for name in ("univariate", "linear", "tree, full", "SVM, RBF")}
    rows = list(measure_tradeoff(X, y, models=chosen))
    assert ties_with_best(rows) == ["linear", "SVM, RBF"]


def test_ties_are_within_one_spread_of_the_best():
    rows = [
        TradeoffPoint(n, s, sd, 1, 1, 1)
        for n, s, sd in (("a", 0.9, 0.02), ("b", 0.89, 0.5), ("c", 0.87, 0.5))
    ]
    assert ties_with_best(rows) == ["a", "b"]


def test_numbers_to_hold_counted_by_hand():
    X, y = load_iris(return_X_y=True)
    assert numbers_to_hold(LogisticRegression(max_iter=500).fit(X, y)) == 3 * 4 + 3
    stump = DecisionTreeClassifier(max_depth=1).fit(X, y)
    assert numbers_to_hold(stump) == 2 + 2  # one question (feature, threshold) and two answers
    assert features_used(stump, 4) == 1
    machine = SVC().fit(X, y)
    n = len(machine.support_)
    assert numbers_to_hold(machine) == n * 4 + 2 * n + 3
    net = MLPClassifier((5,), solver="lbfgs", alpha=1, max_iter=5000, random_state=0).fit(X, y)
    assert numbers_to_hold(net) == 4 * 5 + 5 + 5 * 3 + 3


@pytest.mark.parametrize("models", [classifiers, pytest.param(regressors, marks=pytest.mark.slow)])
def test_every_model_can_be_counted(models):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = (X[:, 0] + 0.1 * rng.normal(size=120) > 0).astype(int)
    task = "classification" if models is classifiers else "regression"
    for row in measure_tradeoff(X, y, models=models(0), task=task, folds=2):
        assert row.numbers >= 1
        assert (row.features == 0) == (row.model in ("majority", "mean"))
        assert row.features <= 3


def test_majority_is_the_share_of_the_majority():
    X, y = load_breast_cancer(return_X_y=True)
    (row,) = measure_tradeoff(X, y, models={"majority": classifiers()["majority"]})
    assert row.score == pytest.approx(max(np.bincount(y)) / len(y), abs=0.003)
    assert (row.numbers, row.features) == (1, 0)


def test_boosting_is_left_out_of_many_classes():
    assert "boosting" in usual_models(np.array([0, 1, 2]))
    assert "boosting" not in usual_models(np.arange(10))
    assert "boosting" in usual_models(np.arange(10.0), task="regression")


def test_errors_come_before_the_first_measurement():
    with pytest.raises(UsageError, match="at least 5 samples of each class"):
        measure_tradeoff(np.eye(8), np.array([0] * 6 + [1] * 2))
    with pytest.raises(UsageError, match="at least 10 samples; got 8"):
        measure_tradeoff(np.eye(8), np.arange(8.0), task="regression")
