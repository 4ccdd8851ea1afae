"""The simulation of 1958: what it shows, what it learns, and its rates."""

from __future__ import annotations

import numpy as np
import pytest

from deepdream.errors import UsageError
from deepdream.lecture.left_right import learn_left_right, left_right_runs, show_mark
from deepdream.lecture.perceptron import Perceptron


def test_a_mark_lies_wholly_in_its_half():
    rng = np.random.default_rng(0)
    for _ in range(200):
        retina, side = show_mark(rng)
        half = retina[:, :10] if side < 0 else retina[:, 10:]
        assert half.sum() == retina.sum() == 16


def test_one_run_learns_the_side():
    run = learn_left_right(500, seed=0)
    assert run.mistakes[:50].sum() > run.mistakes[-50:].sum()
    assert run.weights[:, 10:].mean() > 0 > run.weights[:, :10].mean()
    rng = np.random.default_rng(99)
    shown = [show_mark(rng) for _ in range(300)]
    right = [side * ((run.weights * retina).sum() + run.bias) > 0 for retina, side in shown]
    assert np.mean(right) > 0.95


def test_weights_are_the_sum_of_the_mistaken_marks():
    run = learn_left_right(80, seed=5)
    rng, weights, bias = np.random.default_rng(5), np.zeros((20, 20)), 0
    for wrong in run.mistakes:
        retina, side = show_mark(rng)
        if wrong:
            weights += side * retina
            bias += side
    assert np.array_equal(run.weights, weights)
    assert run.bias == bias
    assert run.last_mistake == np.flatnonzero(run.mistakes)[-1] + 1


@pytest.mark.slow
def test_rates_of_many_runs():
    last = [run.last_mistake for run in left_right_runs(100)]
    assert np.median(last) == pytest.approx(189, abs=50)
    assert np.mean(np.array(last) <= 50) == pytest.approx(0.03, abs=0.1)


def test_two_fixed_cards_need_at_most_two_mistakes():
    rng = np.random.default_rng(0)
    for _ in range(20):
        (first, one), (second, other) = show_mark(rng), show_mark(rng)
        if one != other:
            learned = Perceptron().fit(np.stack([first.ravel(), second.ravel()]), np.array([one, other]))
            assert learned.mistakes_ <= 2


def test_no_mistake_left_is_trial_zero():
    run = learn_left_right(1, seed=0)
    assert run.last_mistake == 1  # the first guess counts as a mistake: the score is exactly 0


def test_no_trials_is_an_error():
    with pytest.raises(UsageError, match="At least 1 trial"):
        learn_left_right(0)
