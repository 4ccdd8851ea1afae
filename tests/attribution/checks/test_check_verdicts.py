"""The words are for a method only beyond every control."""

from __future__ import annotations

import pytest

from deepdream.attribution.checks import ControlScores, judge
from deepdream.attribution.checks.verdicts import Better, judge_all

BAND = ControlScores(random=(0.20, 0.22, 0.24), gaussian=0.5, edges=0.1)


def test_the_band_reaches_over_every_control() -> None:
    assert BAND.mean == pytest.approx(0.22)
    assert BAND.sd == pytest.approx(0.02)
    assert (BAND.low, BAND.high) == (0.1, 0.5)
    wide = ControlScores(random=(0.0, 1.0), gaussian=0.5, edges=0.5)
    assert wide.high == pytest.approx(0.5 + 2 * 0.5**0.5)


@pytest.mark.parametrize(
    ("value", "better", "supports", "words"),
    [
        (0.51, "higher", True, "better than every control"),
        (0.50, "higher", False, "inside the band of the controls"),
        (0.09, "higher", False, "worse than every control"),
        (0.09, "lower", True, "better than every control"),
        (0.10, "lower", False, "inside the band of the controls"),
        (0.51, "lower", False, "worse than every control"),
        (float("nan"), "lower", False, "not a number"),
    ],
)
def test_a_number_supports_a_method_only_beyond_all_controls(
    value: float, better: Better, supports: bool, words: str
) -> None:
    verdict = judge(value, BAND, better)
    assert verdict.supports is supports
    assert words in verdict.words


def test_the_strongest_control_is_named() -> None:
    assert "the centered blob reaches 0.5" in judge(0.3, BAND, "higher").words
    assert "the edge detector reaches 0.1" in judge(0.3, BAND, "lower").words
    flat = ControlScores(random=(0.4, 0.6), gaussian=0.1, edges=0.1)
    assert "random maps reach" in judge(0.5, flat, "higher").words


def test_both_substrates_must_speak() -> None:
    control_scores = {"blur": BAND, "mean": BAND}
    assert judge_all({"blur": 0.6, "mean": 0.7}, control_scores, "higher").supports
    mixed = judge_all({"blur": 0.6, "mean": 0.3}, control_scores, "higher")
    assert not mixed.supports
    assert "on blur only" in mixed.words
    assert judge_all({"blur": 0.3, "mean": 0.01}, control_scores, "higher").words.startswith("inside")
