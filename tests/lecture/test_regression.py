"""Regression against classification on the same digits."""

from __future__ import annotations

import numpy as np
import pytest

from deepdream.lecture.regression import compare_regression_and_classification


@pytest.fixture(scope="module")
def ways():
    return compare_regression_and_classification(seed=0)


def test_rounding_a_regressor_scores_far_worse(ways):
    assert ways.classification > 0.94
    assert ways.regression < ways.classification - 0.3
    assert ways.regression > 0.25  # and yet it has learned something: guessing gives .1


def test_a_classifier_does_not_care_about_the_names(ways):
    assert ways.renamed_classification == pytest.approx(ways.classification, abs=0.03)


def test_confusions_hold_every_held_out_digit(ways):
    for confusion, accuracy in (
        (ways.regression_confusion, ways.regression),
        (ways.classification_confusion, ways.classification),
    ):
        assert confusion.sum() == len(ways.truth) == 450
        assert np.trace(confusion) / 450 == pytest.approx(accuracy)
    assert ways.mean_absolute_error == pytest.approx(np.abs(ways.regression_output - ways.truth).mean())


def test_the_regressors_errors_are_near_misses(ways):
    true, answer = np.nonzero(ways.regression_confusion)
    wrong = true != answer
    counts = ways.regression_confusion[true[wrong], answer[wrong]]
    assert np.average(np.abs(true - answer)[wrong] == 1, weights=counts) > 0.5
