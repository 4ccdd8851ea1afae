"""Thresholds: exact counts, scikit-learn as witness, and what must hold for any scores."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score, roc_curve

from deepdream.errors import UsageError
from deepdream.lecture.decision import (
    area_under_roc,
    best_threshold,
    brier_score,
    theoretical_threshold,
    threshold_table,
)
from deepdream.lecture.identification import identification_odds
from deepdream.lecture.scores import breast_cancer_scores, digit_pair_scores, out_of_fold_scores

samples = st.lists(st.tuples(st.integers(0, 1), st.integers(-20, 20).map(lambda n: n / 8)), min_size=2)


@pytest.fixture(scope="module")
def cancer():
    return breast_cancer_scores(seed=0)


@pytest.mark.parametrize(
    ("threshold", "counts"),
    [
        (0.01, (211, 113, 1, 244)),
        (0.1, (209, 30, 3, 327)),
        (0.5, (203, 3, 9, 354)),
        (0.9, (185, 0, 27, 357)),
    ],
)
def test_breast_cancer_counts(cancer, threshold, counts):
    (row,) = threshold_table(cancer.y_true, cancer.score, [threshold])
    assert (row.tp, row.fp, row.fn, row.tn) == counts


def test_breast_cancer_quality(cancer):
    assert area_under_roc(cancer.y_true, cancer.score) == pytest.approx(0.99528, abs=1e-4)
    assert brier_score(cancer.y_true, cancer.score) == pytest.approx(0.0195, abs=1e-4)


# The notes of the lecture give 131 for 50 : 1, which is at .02; at exactly 1 / 51 it is 132.
@pytest.mark.parametrize(
    ("cost_fn", "at_half", "at_theory", "at_best"), [(10, 93, 64, 58), (50, 453, 132, 100)]
)
def test_breast_cancer_costs(cancer, cost_fn, at_half, at_theory, at_best):
    best = best_threshold(cancer.y_true, cancer.score, cost_fn=cost_fn)
    assert (best.cost_at_half, best.cost_at_theory, best.cost_at_empirical) == (at_half, at_theory, at_best)
    assert best.theory == pytest.approx(1 / (1 + cost_fn))


def test_breast_cancer_best_threshold_for_ten_to_one(cancer):
    best = best_threshold(cancer.y_true, cancer.score, cost_fn=10)
    assert best.empirical_above < 0.107 <= best.empirical
    inside = threshold_table(cancer.y_true, cancer.score, [0.107])[0]
    assert inside.cost(cost_fn=10) == best.cost_at_empirical


@given(samples)
def test_raising_the_threshold_never_raises_tp_or_fp(rows):
    truth, score = zip(*rows, strict=True)
    table = threshold_table(truth, score)
    for lower, higher in pairwise(table):
        assert lower.threshold < higher.threshold
        assert higher.tp <= lower.tp
        assert higher.fp <= lower.fp
        assert higher.total == lower.total == len(rows)
    assert (table[0].fn, table[0].tn) == (0, 0)
    assert (table[-1].tp, table[-1].fp) == (0, 0)


@given(samples, st.floats(-3, 3))
def test_counts_agree_with_scikit_learn(rows, threshold):
    truth, score = map(np.array, zip(*rows, strict=True))
    (row,) = threshold_table(truth, score, [threshold])
    witness = confusion_matrix(truth, score >= threshold, labels=[0, 1])
    assert [[row.tn, row.fp], [row.fn, row.tp]] == witness.tolist()


@given(samples.filter(lambda rows: len({truth for truth, _ in rows}) == 2))
def test_area_and_curve_agree_with_scikit_learn(rows):
    truth, score = zip(*rows, strict=True)
    assert area_under_roc(truth, score) == pytest.approx(roc_auc_score(truth, score))
    fpr, tpr, thresholds = roc_curve(truth, score, drop_intermediate=False)
    ours = {row.threshold: (row.fpr, row.tpr) for row in threshold_table(truth, score)}
    for t, x, y in zip(thresholds, fpr, tpr, strict=True):
        assert ours[t] == pytest.approx((x, y))


@given(samples, st.integers(0, 20), st.integers(1, 20))
def test_no_threshold_is_cheaper_than_the_empirical_one(rows, cost_fp, cost_fn):
    truth, score = zip(*rows, strict=True)
    best = best_threshold(truth, score, cost_fp=cost_fp, cost_fn=cost_fn)
    for t in [-math.inf, *np.linspace(-3, 3, 25), math.inf]:
        (row,) = threshold_table(truth, score, [t])
        assert best.cost_at_empirical <= row.cost(cost_fp=cost_fp, cost_fn=cost_fn)


@pytest.mark.parametrize("cost_fn", [0.25, 1, 4, 10])
def test_calibrated_scores_are_cheapest_at_the_theoretical_threshold(cost_fn):
    rng = np.random.default_rng(1)
    probability = rng.uniform(size=200_000)
    truth = (rng.uniform(size=probability.size) < probability).astype(int)
    best = best_threshold(truth, probability, cost_fn=cost_fn)
    assert best.theory == 1 / (1 + cost_fn)
    assert best.empirical == pytest.approx(best.theory, abs=0.02)
    assert best.cost_at_theory <= 1.005 * best.cost_at_empirical


def test_equal_costs_mean_one_half():
    assert theoretical_threshold(cost_fp=3, cost_fn=3) == 0.5


def test_groups_are_counted_apart_and_add_up():
    truth, score = [1, 1, 0, 0, 1], [0.9, 0.2, 0.8, 0.1, 0.7]
    left, right = threshold_table(truth, score, [0.5], groups=["a", "a", "b", "b", "b"])
    (whole,) = threshold_table(truth, score, [0.5])
    assert (left.group, right.group) == ("a", "b")
    assert (left.tp, left.fn, right.fp, right.tn, right.tp) == (1, 1, 1, 1, 1)
    assert left.total + right.total == whole.total
    assert left.fpr is None  # no negative in the group: not 0, not NaN


def test_rates_of_one_row():
    (row,) = threshold_table([1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2], [0.5])
    assert (row.tpr, row.fnr, row.fpr) == pytest.approx((2 / 3, 1 / 3, 1 / 2))
    assert (row.precision, row.accuracy, row.selection_rate) == pytest.approx((2 / 3, 3 / 5, 3 / 5))


def test_brier_score_agrees_with_scikit_learn():
    truth, probability = [0, 1, 1, 0], [0.2, 0.7, 0.4, 0.9]
    assert brier_score(truth, probability) == pytest.approx(brier_score_loss(truth, probability))


@pytest.mark.parametrize(
    ("fmr", "gallery", "searches", "expected", "probability"),
    [
        (1e-4, 25_000, 1, 2.5, 0.918),
        (1e-6, 25_000, 1, 0.025, 0.0247),
        (1e-6, 49_000_000, 1, 49, 1.0),
        (2.09e-6, 25_000, 535, 27.95, 1.0),  # the 28 false matches of the ACLU's test of 2018
        (0, 10, 1, 0, 0),
        (1, 10, 1, 10, 1),
    ],
)
def test_identification_odds(fmr, gallery, searches, expected, probability):
    odds = identification_odds(fmr, gallery, searches=searches)
    assert odds.expected_false_matches == pytest.approx(expected, abs=5e-3)
    assert odds.probability_of_any == pytest.approx(probability, abs=5e-4)
    assert odds.comparisons == gallery * searches


def test_identification_odds_against_a_simulation():
    matches = np.random.default_rng(0).binomial(200, 0.01, size=20_000)
    odds = identification_odds(0.01, 200)
    assert odds.expected_false_matches == pytest.approx(matches.mean(), abs=0.05)
    assert odds.probability_of_any == pytest.approx((matches > 0).mean(), abs=0.01)


def test_tiny_rates_do_not_round_to_never():
    assert identification_odds(1e-18, 1000).probability_of_any == pytest.approx(1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: threshold_table([0, 2], [0, 1]), "The truth must be 0 or 1; got [0, 2]."),
        (lambda: threshold_table([0, 1], [0.5]), "one value per sample; got (2,) and (1,)"),
        (lambda: threshold_table([0, 1], [0.5, math.nan]), "1 of 2 scores are missing (NaN)."),
        (lambda: threshold_table([0, 1], [0, 1], groups=["a"]), "1 groups for 2 samples; each sample needs"),
        (lambda: theoretical_threshold(cost_fp=0, cost_fn=0), "Costs must be 0 or more and not both 0"),
        (lambda: theoretical_threshold(cost_fp=-1), "Costs must be 0 or more"),
        (lambda: area_under_roc([1, 1], [0, 1]), "needs samples of both classes"),
        (lambda: identification_odds(2, 10), "A false match rate lies between 0 and 1; got 2."),
        (lambda: identification_odds(0.1, 0), "must be at least 1; got 0 and 1"),
        (
            lambda: out_of_fold_scores(np.eye(6), np.array([1, 0, 0, 0, 0, 0])),
            "at least 5 samples of each class",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert message in str(caught.value)


def test_digit_pairs_are_scores_but_no_probabilities():
    pairs = digit_pair_scores(seed=0, pairs=400)
    assert not pairs.calibrated
    assert pairs.score.min() < 0
    assert pairs.score.max() <= 1 + 1e-12
    assert pairs.y_true.mean() == 0.5
    assert set(pairs.groups) == {f"digit {d}" for d in range(10)}
    assert area_under_roc(pairs.y_true, pairs.score) > 0.85
    assert np.array_equal(pairs.score, digit_pair_scores(seed=0, pairs=400).score)
