"""What a map promises and what it is: completeness, degeneracy, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from deepdream.attribution.checks.check_registry import CheckResult, check_of_methods
from deepdream.attribution.checks.context import CheckContext, MapUnderTest, Measurement
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


def _promises(_: CheckContext, tested_map: MapUnderTest) -> str | None:
    if tested_map.explanation is None or tested_map.explanation.baseline_score is None:
        return "the method does not promise that its map sums to anything"
    return None


@check_of_methods(
    "completeness",
    order=20,
    better="lower",
    applies=_promises,
    question="Does the map sum to what it explains, the score minus the baseline's score?",
    paper="Sundararajan et al. 2017, Axiomatic attribution for deep networks, arXiv:1703.01365",
    good="relative error below 1 %",
    cost="nothing",
)
def completeness(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """The relative error of the sum; the controls are scaled to the map's own total magnitude."""
    made = tested_map.explanation
    assert made is not None
    assert made.baseline_score is not None
    floor, score = made.baseline_score, made.score
    magnitude = tested_map.heatmap.abs().sum()
    error = completeness_error(tested_map.heatmap, score, floor)
    controls = {
        name: completeness_error(control / control.sum() * magnitude, score, floor)
        for name, control in context.controls.items()
    }
    measured = Measurement({"relative error": error})
    return CheckResult.of(
        "completeness",
        tested_map,
        measured,
        verdict=_kept(error),
        control_scores={"relative error": ControlScores.of(controls)},
    )


def _kept(error: float) -> Verdict:
    if error <= COMPLETE:
        return Verdict(f"keeps its promise: the sum is off by {error:.2%}", True)
    return Verdict(f"breaks its promise: the sum is off by {error:.1%}", False)


def degeneracies(context: CheckContext, heatmap: Tensor) -> Measurement:
    """Cosine of a map with the gradient and with input times gradient, in the forms they are drawn in."""
    gradient, mine = context.gradient, heatmap.detach().cpu()
    std = torch.tensor(context.model.preprocessing.std)[:, None, None]
    times = {
        "input x gradient": context.image[0].detach().cpu() * gradient,
        "normalized input x gradient": context.model.normalize(context.image)[0].detach().cpu()
        * std
        * gradient,
    }
    drawn = (gradient.sum(0), gradient.abs().sum(0), gradient.abs().amax(0), gradient.square().sum(0))
    found = {"gradient": max(cosine(mine, other) for other in drawn)}
    found |= {name: max(cosine(mine, v.sum(0)), cosine(mine, v.abs().sum(0))) for name, v in times.items()}
    return Measurement(found)


def cosine(first: Tensor, second: Tensor) -> float:
    """The magnitude of the cosine between two maps; 0 where one is zero."""
    a, b = first.double().flatten(), second.double().flatten()
    length = float(a.norm() * b.norm())
    return abs(float(a @ b)) / length if length > 0 else 0.0


@check_of_methods(
    "degeneracy",
    order=10,
    question="Is the map what it claims to be, or zero, not finite, or only the gradient under another name?",
    paper="Measured here: captum 0.9 returns the plain gradient for several methods on ReLU6 networks",
    good="none of these",
    cost="1 forward, 1 backward",
)
def degeneracy(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """Cosine with the gradient and with input times gradient, and a look at the numbers."""
    broken = _broken(tested_map.heatmap)
    if broken:
        return CheckResult.of("degeneracy", tested_map, Measurement({}), verdict=Verdict(broken, False))
    found = degeneracies(context, tested_map.heatmap)
    controls = context.measured("degeneracy", degeneracies)
    control_scores = {
        key: ControlScores.of({name: m.values[key] for name, m in controls.items()}) for key in found.values
    }
    nearest = max(found.values, key=lambda name: found.values[name])
    verdict = _same(tested_map.method, found.values)
    return CheckResult.of(
        "degeneracy", tested_map, found, verdict=verdict, control_scores=control_scores, main=(nearest,)
    )


def _broken(heatmap: Tensor) -> str:
    if not bool(heatmap.isfinite().all()):
        count = int((~heatmap.isfinite()).sum())
        return f"{count:,} values are not finite"
    if not bool(heatmap.any()):
        return "zero everywhere"
    return "the same number everywhere" if float(heatmap.min()) == float(heatmap.max()) else ""


#: Methods that are the gradient, or input times gradient, by definition.
BY_DEFINITION = ("saliency", "gradient", "input-x-gradient")


def _same(method: str, found: Mapping[str, float]) -> Verdict:
    twins = [name for name, value in found.items() if value >= IDENTICAL]
    if not twins:
        return Verdict("a map of its own", True)
    words = f"identical to {'the ' if twins[0] == 'gradient' else ''}{twins[0]}"
    if method in BY_DEFINITION:
        return Verdict(f"{words}, by definition", None)
    return Verdict(words, False)


def _has_cost(_: CheckContext, tested_map: MapUnderTest) -> str | None:
    return None if tested_map.explanation else "nobody knows what the map cost"


@check_of_methods(
    "cost",
    order=30,
    report="details",
    better="lower",
    applies=_has_cost,
    question="What did the map cost?",
    paper="none: it is counted",
    good="as little as the answer is worth; a control costs nothing",
    cost="nothing",
)
def cost(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """Forward passes, backward passes and seconds of the explanation itself."""
    del context
    made = tested_map.explanation
    assert made is not None
    words = f"{made.passes}, {made.seconds:.2f} s"
    return CheckResult.of(
        "cost", tested_map, Measurement({"seconds": made.seconds}), verdict=Verdict(words, None)
    )
