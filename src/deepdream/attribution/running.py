"""Running one method on one picture: options in, a measured and examined explanation out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.attribution.explanation import Explanation, completeness_gap
from deepdream.attribution.problem import Problem, enlarge, in_float32, make_baseline
from deepdream.attribution.registry import Budgeted, Method, Outcome, find_method
from deepdream.errors import UsageError
from deepdream.models import Model

#: A complete method whose sum is further off than this gets a note.
TOLERANCE = 0.01
#: What a budget of time never exceeds.
MOST_PASSES = 100_000


def explain(
    model: Model,
    image: Tensor,
    method: str = "integrated-gradients",
    target: int | str | None = None,
    *,
    against: int | str | None = None,
    layer: str = "auto",
    baseline: str = "black",
    seed: int = 0,
    budget: float | None = None,
    passes: int | None = None,
    **options: Any,
) -> Explanation:
    """Why the network gives ``target`` (by default its top class) to a picture, as one method sees it.

    Args:
        image: (1, 3, H, W), RGB in [0, 1], at the size to feed; ``model.crop(picture)`` makes it.
        target, against: An index or a name; ``against`` asks why the one and not the other.
        layer: For methods that read one; ``auto`` is the last spatial one.
        baseline: black, mean, blur, noise or white: what "nothing" looks like.
        budget: Seconds; sets the number of samples of a method that has one.
        passes: At most so many passes through the network; sets the same number, and needs no clock.
        options: The method's own, such as ``samples`` or ``steps``; None means its default.

    Raises:
        UnknownNameError: no such method, class, layer or baseline.
        UsageError: the method does not apply to this network, or has no such option.
    """
    entry = find_method(method)
    problem = pose(model, image, target, against=against, layer=layer, baseline=baseline, seed=seed)
    check_applies(entry, problem)
    if budget is not None:
        problem = replace(problem, deadline=time.perf_counter() + budget)
    return examine(entry, problem, _chosen(entry, options, problem, passes))


def map_of(
    model: Model,
    image: Tensor,
    method: str,
    target: int,
    *,
    against: int | None = None,
    layer: str = "auto",
    baseline: str = "black",
    seed: int = 0,
    passes: int | None = None,
    **options: Any,
) -> Tensor:
    """The heatmap (H, W) of ``explain``, without what it measures of it: for maps that are only compared."""
    entry = find_method(method)
    problem = pose(model, image, target, against=against, layer=layer, baseline=baseline, seed=seed)
    check_applies(entry, problem)
    outcome = entry.run(problem, _chosen(entry, options, problem, passes))
    return _heatmap(entry, problem, outcome.values.detach().float()).nan_to_num(0.0, 0.0, 0.0)


def usual_passes(method: Method) -> int | None:
    """How many passes ``method`` makes unless told otherwise; None where no option of it sets them."""
    cost = method.budgeted
    if cost is None:
        return None
    return cost.usual if cost.usual is not None else round(method.options[cost.option] * cost.units)


def pose(
    model: Model,
    image: Tensor,
    target: int | str | None = None,
    *,
    against: int | str | None = None,
    layer: str = "auto",
    baseline: str = "black",
    seed: int = 0,
) -> Problem:
    """The question as methods want it: in float32, with class indexes, everything checked."""
    image = _checked(image)
    make_baseline(image[..., :2, :2], baseline)
    model = in_float32(model)
    index = _top_class(model, image) if target is None else model.find_class(str(target))
    other = None if against is None else model.find_class(str(against))
    if other == index:
        raise UsageError(f"{model.label(index)!r} cannot be explained against itself; choose another class.")
    return Problem(model, image.to(model.device), index, other, layer, baseline, seed)


def check_asked(
    model: Model,
    method: str,
    target: int | str | None = None,
    *,
    against: int | str | None = None,
    layer: str = "auto",
    baseline: str = "black",
    seed: int = 0,
    **options: Any,
) -> None:
    """Look, before many pictures, whether the question can be asked of any.

    Raises:
        UnknownNameError: no such method, class, layer or baseline.
        UsageError: the method does not apply to this network, or has no such option.
    """
    entry, side = find_method(method), model.preprocessing.crop
    other = None if against is None else model.find_class(str(against))
    blank = torch.zeros(1, 3, side, side)
    some = (1 if other == 0 else 0) if target is None else target
    problem = pose(model, blank, some, against=other, layer=layer, baseline=baseline, seed=seed)
    check_applies(entry, problem)
    if layer != "auto" and entry.family == "cam":
        problem.layer  # noqa: B018 - raises where it has no space to map
    _chosen(entry, options, problem, None)


def check_applies(method: Method, problem: Problem) -> None:
    """Raises UsageError where ``method`` cannot be used with the network: with the reason."""
    named = method.family == "cam" and problem.layer_name != "auto"
    reason = None if named else method.applies(problem.model)
    if reason:
        raise UsageError(f"{method.name} does not apply to {problem.model.name}: {reason}")


def examine(method: Method, problem: Problem, options: Mapping[str, Any]) -> Explanation:
    """Run ``method``, measure its cost and completeness, and look for degenerate maps."""
    start = time.perf_counter()
    outcome = method.run(problem, options)
    seconds = time.perf_counter() - start
    values = outcome.values.detach().float()
    attribution = values if values.dim() == 3 else None
    heatmap = _heatmap(method, problem, values)
    reference = _baseline_score(method, problem, outcome)
    total = float(values.double().sum())
    error = None if reference is None else completeness_gap(total, problem.image_score, reference)
    notes = (*outcome.notes, *_warnings(method, problem, attribution, heatmap))
    if method.complete and error is not None and error > TOLERANCE and not _says(notes, error):
        notes += (f"completeness error {error:.1%}",)
    return Explanation(
        method=method.name,
        target=problem.target,
        label=problem.model.label(problem.target),
        against=problem.against,
        heatmap=heatmap.nan_to_num(0.0, 0.0, 0.0),
        attribution=None if attribution is None else attribution.cpu().contiguous(),
        score=problem.image_score,
        baseline_score=reference,
        completeness_error=error,
        signed=method.signed,
        forwards=problem.cost.forwards,
        backwards=problem.cost.backwards,
        seconds=seconds,
        notes=notes,
        options=_report(problem, options, outcome),
        against_label=None if problem.against is None else problem.model.label(problem.against),
    )


def _checked(image: Tensor) -> Tensor:
    if image.dim() != 4 or image.shape[:2] != (1, 3) or not image.is_floating_point():
        raise UsageError(
            f"A picture to explain is one float tensor (1, 3, H, W) in [0, 1], not {image.dtype} "
            f"{tuple(image.shape)}."
        )
    return image.detach().float()


def _top_class(model: Model, image: Tensor) -> int:
    with torch.no_grad():
        return int(model(image)[0].argmax())


def _chosen(
    method: Method, options: Mapping[str, Any], problem: Problem, passes: int | None
) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None}
    unknown = [name for name in given if name not in method.options]
    if unknown:
        there = ", ".join(method.options) or "none"
        raise UsageError(f"{method.name} has no option {unknown[0]!r}; its own are: {there}.")
    for name, value in given.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
            raise UsageError(f"{name} of {method.name} cannot be negative: {value}.")
    cost = method.budgeted
    # What a value function gives fits the other options' defaults only.
    limited = problem.deadline is not None or passes is not None
    if limited and cost and not (given if cost.value else cost.option in given):
        given[cost.option] = _affordable(problem, cost, passes or MOST_PASSES)
    return {**method.options, **given}


def _affordable(problem: Problem, cost: Budgeted, passes: int) -> int:
    """What the option may be within ``passes``, and before the deadline by the measured cost of one of them."""
    if problem.deadline is not None:
        each = _seconds_each(problem, cost)
        passes = min(passes, int(0.9 * (problem.deadline - time.perf_counter()) / each))
    if cost.value is not None:
        return cost.value(problem, max(passes, 1))
    return max(int(passes / cost.units), cost.least)


def _seconds_each(problem: Problem, cost: Budgeted) -> float:
    """Of one pass of one picture: in a chunk, unless the method works alone or a chunk is dear."""
    assert problem.deadline is not None
    trial = Problem(problem.model, problem.image, problem.target, problem.against)
    run = trial.scores if cost.kind == "forward" else trial.gradients

    def measured(count: int) -> float:
        start = time.perf_counter()
        run(problem.image.expand(count, -1, -1, -1))
        return (time.perf_counter() - start) / count

    measured(1)  # the first pass of a network is slower than the next
    once = measured(1)
    left = problem.deadline - time.perf_counter()
    if cost.alone or once * problem.chunk > 0.2 * left:
        return once
    return measured(problem.chunk)


def _heatmap(method: Method, problem: Problem, values: Tensor) -> Tensor:
    return enlarge(_reduced(values, method.reduction), problem.size).cpu().contiguous()


def _reduced(values: Tensor, reduction: str) -> Tensor:
    if values.dim() == 2:
        return values
    return values.abs().amax(dim=0) if reduction == "max-abs" else values.sum(dim=0)


def _baseline_score(method: Method, problem: Problem, outcome: Outcome) -> float | None:
    if outcome.baseline_score is not None or not method.complete:
        return outcome.baseline_score
    return problem.score_of(problem.baseline)


def _says(notes: tuple[str, ...], error: float) -> bool:
    return any(f"error {error:.1%}" in note for note in notes)


def _warnings(method: Method, problem: Problem, attribution: Tensor | None, heatmap: Tensor) -> list[str]:
    notes = []
    if not torch.isfinite(heatmap).all():
        notes.append("the map holds NaN or infinite values, shown as 0")
    elif not heatmap.any():
        notes.append("the map is zero everywhere")
    elif attribution is not None:
        notes += _twins(method, problem, attribution)
    return notes


def _twins(method: Method, problem: Problem, attribution: Tensor) -> list[str]:
    """Whether the map is really a cheaper one: the gradient, or input times gradient."""
    silent = Problem(problem.model, problem.image, problem.target, problem.against)
    gradient = silent.gradients(problem.image)[0]
    twins = {"saliency": (gradient, "identical to the gradient")}
    twins["input-x-gradient"] = (gradient * problem.image[0], "identical to input x gradient")
    return [
        words for name, (twin, words) in twins.items() if name != method.name and _parallel(attribution, twin)
    ]


def _parallel(one: Tensor, other: Tensor) -> bool:
    cosine = F.cosine_similarity(one.double().flatten(), other.double().flatten(), dim=0)
    return float(cosine) > 0.99999


def _report(problem: Problem, options: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    if "layer" in problem.used:
        shared["layer"] = problem.layer.name
    if "baseline" in problem.used:
        shared["baseline"] = problem.baseline_name
    if "seed" in problem.used:
        shared["seed"] = problem.seed
    own = {name: value for name, value in options.items() if value is not None}
    return {**shared, **own, **outcome.options}
