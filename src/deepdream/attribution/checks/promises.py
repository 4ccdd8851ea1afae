"""What a map promises and what it is: completeness, degeneracy, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from deepdream.attribution.checks.check_registry import CheckResult, check_of_methods
from deepdream.attribution.checks.context import CheckContext, Measurement
from deepdream.attribution.checks.tested_map import MapUnderTest
from deepdream.attribution.checks.verdicts import ControlScores, Verdict

#: Relative error up to which a map counts as complete.
COMPLETE = 0.01
#: Cosine from which on two maps count as one.
IDENTICAL = 0.9999


def completeness_error(heatmap: Tensor, score: float, baseline_score: float) -> float:
    """|sum of the map - (score - baseline_score)| / |score - baseline_score|."""
    promised = score - baseline_score
    missing = abs(float(heatmap.double().sum()) - promised)
    return missing / abs(promised) if promised else float("inf") if missing else 0.0


@check_of_methods(
    "completeness",
    order=20,
    better="lower",
    applies=lambda _, tested_map: (
        "the method does not promise that its map sums to anything"
        if tested_map.explanation is None or tested_map.explanation.baseline_score is None
        else None
    ),
    question="Does the map sum to what it explains, the score minus the baseline's score?",
    paper="Sundararajan et al. 2017, Axiomatic attribution for deep networks, arXiv:1703.01365",
    good="relative error below 1 %",
    cost="nothing",
)
def completeness(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """The relative error of the sum; the controls are scaled to the map's own total magnitude."""
    explanation = tested_map.explanation
    assert explanation is not None
    assert explanation.baseline_score is not None
    score, baseline_score = explanation.score, explanation.baseline_score
    magnitude = tested_map.heatmap.abs().sum()
    error = completeness_error(tested_map.heatmap, score, baseline_score)
    # Controls have no unit of their own: at the map's magnitude they are as large as a map could be.
    controls = {
        name: completeness_error(control / control.sum() * magnitude, score, baseline_score)
        for name, control in context.controls.items()
    }
    if error <= COMPLETE:
        verdict = Verdict(f"keeps its promise: the sum is off by {error:.2%}", True)
    else:
        verdict = Verdict(f"breaks its promise: the sum is off by {error:.1%}", False)
    return CheckResult.of(
        "completeness",
        tested_map,
        Measurement({"relative error": error}),
        verdict=verdict,
        control_scores={"relative error": ControlScores.of(controls)},
    )


def degeneracies(context: CheckContext, heatmap: Tensor) -> Measurement:
    """Cosine of a map with the gradient and with input times gradient, in the forms they are drawn in."""
    gradient, own = context.gradient, heatmap.detach().cpu()
    std = torch.tensor(context.model.preprocessing.std)[:, None, None]
    products = {
        "input x gradient": context.image[0].detach().cpu() * gradient,
        # Libraries that take normalized pictures multiply by those; the gradient there is std times as large.
        "normalized input x gradient": context.model.normalize(context.image)[0].detach().cpu()
        * std
        * gradient,
    }
    forms = (gradient.sum(0), gradient.abs().sum(0), gradient.abs().amax(0), gradient.square().sum(0))
    cosines = {"gradient": max(cosine(own, form) for form in forms)}
    cosines |= {name: max(cosine(own, v.sum(0)), cosine(own, v.abs().sum(0))) for name, v in products.items()}
    return Measurement(cosines)


def cosine(first: Tensor, second: Tensor) -> float:
    """The magnitude of the cosine between two maps; 0 where one is zero."""
    a, b = first.double().flatten(), second.double().flatten()
    length = float(a.norm() * b.norm())
    return abs(float(a @ b)) / length if length > 0 else 0.0


@check_of_methods(
    "degeneracy",
    order=10,
    question="Is the map zero, not finite, or only the gradient under another name?",
    paper="Measured here: captum 0.9 returns the plain gradient for several methods on ReLU6 networks",
    good="none of these",
    cost="1 forward, 1 backward",
)
def degeneracy(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """Cosine with the gradient and with input times gradient, and a look at the numbers."""
    heatmap = tested_map.heatmap
    fault = ""
    if not bool(heatmap.isfinite().all()):
        fault = f"{int((~heatmap.isfinite()).sum()):,} values are not finite"
    elif not bool(heatmap.any()):
        fault = "zero everywhere"
    elif float(heatmap.min()) == float(heatmap.max()):
        fault = "the same number everywhere"
    if fault:
        return CheckResult.of("degeneracy", tested_map, Measurement({}), verdict=Verdict(fault, False))
    measured = degeneracies(context, heatmap)
    controls = context.measured("degeneracy", degeneracies)
    scores = ControlScores.by_variant({name: control.values for name, control in controls.items()})
    nearest = max(measured.values, key=lambda name: measured.values[name])
    verdict = _verdict_on_twins(tested_map.method, measured.values)
    return CheckResult.of(
        "degeneracy", tested_map, measured, verdict=verdict, control_scores=scores, main=(nearest,)
    )


#: Methods that are the gradient, or input times gradient, by definition.
BY_DEFINITION = ("saliency", "gradient", "input-x-gradient")


def _verdict_on_twins(method: str, cosines: Mapping[str, float]) -> Verdict:
    twins = [name for name, value in cosines.items() if value >= IDENTICAL]
    if not twins:
        return Verdict("different from the gradient and from input x gradient", True)
    words = f"identical to {'the ' if twins[0] == 'gradient' else ''}{twins[0]}"
    if method in BY_DEFINITION:
        return Verdict(f"{words}, by definition", None)
    return Verdict(words, False)


@check_of_methods(
    "cost",
    order=30,
    report="details",
    better="lower",
    applies=lambda _, tested_map: None if tested_map.explanation else "the cost of the map is not known",
    question="What did the map cost?",
    paper="none: it is counted",
    good="as little as the answer is worth; a control costs nothing",
    cost="nothing",
)
def cost(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """Forward passes, backward passes and seconds of the explanation itself."""
    del context
    explanation = tested_map.explanation
    assert explanation is not None
    verdict = Verdict(f"{explanation.passes}, {explanation.seconds:.2f} s", None)
    return CheckResult.of("cost", tested_map, Measurement({"seconds": explanation.seconds}), verdict=verdict)
