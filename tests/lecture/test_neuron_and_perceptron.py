"""Facts about single neurons: thresholds, separability, and the perceptron's mistakes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Perceptron as TheirPerceptron
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.datasets import bundled, toy
from deepdream.lecture.neuron import (
    GATES,
    McCullochPittsNeuron,
    boolean_inputs,
    count_separable,
    is_linearly_separable,
    separability,
    signs,
    threshold_for,
    xor_network,
)
from deepdream.lecture.perceptron import Perceptron, convergence_bound
from deepdream.lecture.xor import XorSettings, least_squares_outputs, relu_outputs, solve_from_many_starts


@pytest.mark.parametrize(
    ("gate", "n", "expected"),
    [
        ("and", 3, (2, 3, 3)),
        ("or", 3, (0, 1, 1)),
        ("majority", 3, (1, 2, 2)),
        ("and", 2, (1, 2, 2)),
        ("or", 2, (0, 1, 1)),
    ],
)
def test_thresholds_of_the_exercise(gate: str, n: int, expected: tuple[int, int, int]) -> None:
    thresholds = threshold_for(gate, n)
    assert thresholds is not None
    assert (thresholds.low, thresholds.high, thresholds.canonical) == expected
    for theta in (thresholds.high, (thresholds.low + thresholds.high) / 2):
        assert all(McCullochPittsNeuron(theta)(x) == GATES[gate](x) for x in boolean_inputs(n))
    assert any(McCullochPittsNeuron(thresholds.low)(x) != GATES[gate](x) for x in boolean_inputs(n))


@pytest.mark.parametrize("gate", ["xor", "nand", "nor"])
def test_no_threshold_lets_more_inputs_silence_a_neuron(gate: str) -> None:
    assert threshold_for(gate, 2) is None


def test_three_inputs_from_always_to_never() -> None:
    fires = [sum(row[-1] for row in McCullochPittsNeuron(theta).truth_table(3)) for theta in range(5)]
    assert fires == [8, 7, 4, 1, 0]


def test_inhibition_is_absolute() -> None:
    negation = McCullochPittsNeuron(0, inhibitory=(0,))
    assert [negation((x,)) for x in (0, 1)] == [1, 0]
    assert McCullochPittsNeuron(1, inhibitory=(2,))((1, 1, 1)) == 0
    with pytest.raises(UsageError, match="Inhibitory inputs"):
        negation.truth_table(0)


def test_networks_compute_xor() -> None:
    assert [xor_network(x) for x in boolean_inputs(2)] == [0, 1, 1, 0]
    assert relu_outputs().tolist() == [0, 1, 1, 0]
    np.testing.assert_allclose(least_squares_outputs(), 0.5)


def test_how_many_boolean_functions_are_separable() -> None:
    assert count_separable(2) == (14, 16)
    assert count_separable(3) == (104, 256)


def test_separability_comes_with_its_proof() -> None:
    X = np.array(boolean_inputs(2), float)
    line = separability(X, [0, 0, 0, 1])
    assert line.separable
    assert line.weights is not None
    assert (signs([0, 0, 0, 1]) * (X @ line.weights + line.bias) >= 1 - 1e-9).all()
    crossed = separability(X, [0, 1, 1, 0])
    assert not crossed.separable
    np.testing.assert_allclose(crossed.common_point, [0.5, 0.5])


@pytest.mark.parametrize(
    ("name", "mistakes", "epochs", "weights", "bias", "bound"),
    [
        ("and", 18, 9, [3, 2], -4, 51),
        ("or", 9, 6, [2, 2], -1, 27),
        ("and3", 44, 20, [4, 3, 2], -8, 148),
        ("or3", 13, 8, [2, 2, 2], -1, 52),
    ],
)
def test_gates_take_exactly_so_many_mistakes(
    name: str, mistakes: int, epochs: int, weights: list[int], bias: int, bound: float
) -> None:
    table = toy(name)
    ours = Perceptron().fit(table.X, table.y)
    assert type(ours.mistakes_) is int
    assert (ours.mistakes_, ours.epochs_, ours.converged_) == (mistakes, epochs, True)
    assert ours.weights_.tolist() == weights
    assert ours.bias_ == bias
    assert convergence_bound(table.X, table.y).bound == pytest.approx(bound)
    theirs = TheirPerceptron(shuffle=False, tol=None, max_iter=100).fit(table.X, table.y)
    assert theirs.coef_[0].tolist() == weights
    assert theirs.intercept_[0] == bias


def test_the_bound_of_and_from_its_radius_and_margin() -> None:
    bound = convergence_bound(*_xy("and"))
    assert (bound.radius, bound.margin) == pytest.approx((1.7321, 0.2425), abs=1e-4)


def test_xor_never_ends() -> None:
    X, y = _xy("xor")
    cycling = Perceptron(max_epochs=1000).fit(X, y)
    assert (cycling.mistakes_, cycling.converged_) == (4000, False)
    assert cycling.weights_.tolist() == [0, 0]
    assert convergence_bound(X, y).bound == float("inf")
    assert not is_linearly_separable(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = TheirPerceptron(shuffle=False, tol=None, max_iter=50).fit(X, y)
    assert theirs.coef_[0].tolist() == [0, 0]
    assert theirs.score(X, y) == cycling.score(X, y) == 0.5


def _xy(name: str) -> tuple[np.ndarray, np.ndarray]:
    table = toy(name)
    return table.X, table.y


@st.composite
def separable(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Points of both classes, at least 0.3 from a random line."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    d, n = draw(st.integers(1, 5)), draw(st.integers(4, 30))
    w = generator.normal(size=d)
    w /= np.linalg.norm(w)
    y = np.where(np.arange(n) % 2, 1, -1)
    X = generator.uniform(-2, 2, (n, d))
    b = draw(st.floats(-1, 1))
    scores = X @ w + b
    return X + (y * (0.3 + np.abs(scores)) - scores)[:, None] * w, y


@settings(max_examples=60, deadline=None)
@given(separable())
def test_never_more_mistakes_than_the_bound(samples: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = samples
    model = Perceptron(max_epochs=100_000).fit(X, y)
    assert model.converged_
    assert model.score(X, y) == 1
    assert model.mistakes_ <= convergence_bound(X, y).bound * (1 + 1e-9)
    assert is_linearly_separable(X, y)


@settings(max_examples=30, deadline=None)
@given(separable(), st.sampled_from([0.125, 0.5, 4.0, 1024.0]))
def test_the_rate_does_not_change_the_mistakes(samples: tuple[np.ndarray, np.ndarray], lr: float) -> None:
    X, y = samples
    assert Perceptron(lr).fit(X, y).mistakes_ == Perceptron().fit(X, y).mistakes_


def test_labels_may_be_zero_one_or_plus_minus_one_and_zero_is_a_mistake() -> None:
    X, y = _xy("and")
    assert Perceptron().fit(X, 2 * y - 1).mistakes_ == 18
    first = next(Perceptron().updates(X, y))
    assert (first.epoch, first.sample) == (1, 0)  # all weights are 0, so the score is 0: a mistake


def test_updates_end_where_fit_ends() -> None:
    X, y = _xy("or")
    steps = list(Perceptron().updates(X, y))
    assert len(steps) == 9
    assert steps[-1].weights.tolist() == [2, 2]


def test_scikit_learn_accepts_it() -> None:
    table = bundled("iris").against_rest(0)
    pipeline = make_pipeline(StandardScaler(), Perceptron())
    assert pipeline.fit(table.X, table.y).score(table.X, table.y) == 1
    assert cross_val_score(pipeline, table.X, table.y, cv=3).mean() > 0.95
    assert clone(Perceptron()).set_params(lr=0.5).get_params()["lr"] == 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(Perceptron(max_epochs=200), on_fail=None)
    failed = [r["check_name"] for r in results if r["status"] == "failed"]
    assert len(results) > 40
    assert failed == []


def test_one_class_is_refused() -> None:
    with pytest.raises(UsageError, match="there are 1 classes"):
        Perceptron().fit([[0.0], [1.0]], [1, 1])
    with pytest.raises(UnknownNameError, match="Did you mean 'majority'"):
        threshold_for("majorty", 3)


@pytest.mark.parametrize(
    ("how", "solved", "median"),
    [
        (XorSettings(), 84, 135.5), (XorSettings(loss="cross-entropy"), 81, 57),
        (XorSettings(activation="tanh"), 64, 40),
        (XorSettings(activation="tanh", loss="cross-entropy"), 49, 19),
        (XorSettings(activation="relu", loss="cross-entropy", lr=0.1), 21, 33),
        (XorSettings(3), 97, 107), (XorSettings(4), 100, 83), (XorSettings(8), 100, 62),
        (XorSettings(init="normal"), 74, 97),
        pytest.param(XorSettings(momentum=0.0, sweeps=20_000), 82, 884, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_how_many_random_starts_solve_xor(how: XorSettings, solved: int, median: float) -> None:
    outcome = solve_from_many_starts(how)
    assert (outcome.solved, outcome.median_sweeps) == (solved, pytest.approx(median, abs=1))


def test_a_start_is_the_same_alone_and_among_others() -> None:
    together = solve_from_many_starts(XorSettings(sweeps=300), starts=6).solved
    alone = [solve_from_many_starts(XorSettings(sweeps=300), starts=1, seed=seed).solved for seed in range(6)]
    assert 0 < sum(alone) == together < 6


def test_unknown_attempts_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'tanh'"):
        XorSettings(activation="tan")
