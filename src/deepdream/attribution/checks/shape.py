"""How much a person has to read: the entropy of a map, and how unequally its magnitude is spread."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from deepdream.attribution.checks.check_registry import CheckResult, check_of_methods
from deepdream.attribution.checks.context import CheckContext, Measurement
from deepdream.attribution.checks.tested_map import MapUnderTest
from deepdream.attribution.checks.verdicts import ControlScores, Verdict


def entropy(heatmap: Tensor) -> float:
    """Entropy in nats of the shares of the magnitude: 0 for one pixel, log(n) for a flat map.

    Source: Bhatt et al. 2020, arXiv:2005.00631 (complexity).
    """
    magnitude = heatmap.detach().double().abs().flatten()
    if not float(magnitude.sum()) > 0:
        return 0.0
    shares = magnitude / magnitude.sum()
    return float(torch.special.entr(shares).sum())


def gini(heatmap: Tensor) -> float:
    """Gini index of the magnitude: 0 for a flat map, 1 - 1/n for one pixel.

    Source: Chalasani et al. 2020, arXiv:1810.06583 (sparseness).

    >>> gini(torch.tensor([0.0, 0.0, 0.0, 2.0]))
    0.75
    """
    magnitude = heatmap.detach().double().abs().flatten().sort().values
    count, total = len(magnitude), float(magnitude.sum())
    if not total > 0:
        return 0.0
    rank = torch.arange(1, count + 1, dtype=torch.float64)
    # The mean absolute difference of all pairs, which sorting reduces from n^2 terms to n.
    return float(((2 * rank - count - 1) * magnitude).sum() / (count * total))


def _described(
    name: str, tested_map: MapUnderTest, measured: Measurement, control_scores: ControlScores, words: str
) -> CheckResult:
    variant = next(iter(measured.values))
    verdict = Verdict(f"{words}; being short proves nothing about being right", None)
    return CheckResult.of(
        name, tested_map, measured, verdict=verdict, control_scores={variant: control_scores}
    )


@check_of_methods(
    "complexity",
    order=40,
    report="details",
    better="lower",
    question="How many pixels does one have to read, in effect?",
    paper="Bhatt et al. 2020, Evaluating and aggregating feature-based model explanations, arXiv:2005.00631",
    good="low: easier to read, not truer",
    cost="nothing",
)
def complexity(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """The entropy of the map's magnitude, in nats."""
    value = entropy(tested_map.heatmap)
    # exp(entropy) is the number of equally strong pixels with that entropy.
    control_scores = ControlScores.of({name: entropy(control) for name, control in context.controls.items()})
    share = math.exp(value) / tested_map.heatmap.numel()
    words = f"as hard to read as {share:.0%} of the pixels"
    return _described("complexity", tested_map, Measurement({"entropy": value}), control_scores, words)


@check_of_methods(
    "sparseness",
    order=50,
    report="details",
    better="higher",
    question="Is the map's magnitude on few pixels?",
    paper="Chalasani et al. 2020, Concise explanations of neural networks, arXiv:1810.06583",
    good="high: easier to read, not truer",
    cost="nothing",
)
def sparseness(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """The Gini index of the map's magnitude."""
    value = gini(tested_map.heatmap)
    control_scores = ControlScores.of({name: gini(control) for name, control in context.controls.items()})
    side = "sparser" if value > control_scores.high else "not sparser"
    words = f"{side} than every control"
    return _described("sparseness", tested_map, Measurement({"Gini index": value}), control_scores, words)
