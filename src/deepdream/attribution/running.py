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
from deepdream.attribution.method_options import check_values
from deepdream.attribution.registry import Budgeted, Method, Outcome, find_method
from deepdream.attribution.score_function import ScoreFunction, enlarge, in_float32, make_baseline
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
    options = check_values(method, entry.options, options)  # before the network runs
    score_function = pose(model, image, target, against=against, layer=layer, baseline=baseline, seed=seed)
    check_applies(entry, score_function)
    if budget is not None:
        score_function = replace(score_function, deadline=time.perf_counter() + budget)
    return examine(entry, score_function, _chosen(entry, options, score_function, passes))


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
    options = check_values(method, entry.options, options)  # before the network runs
    score_function = pose(model, image, target, against=against, layer=layer, baseline=baseline, seed=seed)
    check_applies(entry, score_function)
    outcome = entry.run(score_function, _chosen(entry, options, score_function, passes))
    return _heatmap(entry, score_function, outcome.values.detach().float()).nan_to_num(0.0, 0.0, 0.0)


def usual_passes(method: Method) -> int | None:
    """How many passes ``method`` makes unless told otherwise; None where no option of it sets them."""
    cost = method.budgeted
    if cost is None:
        return None
    return cost.usual if cost.usual is not None else round(method.defaults[cost.option] * cost.units)


def pose(
    model: Model,
    image: Tensor,
    target: int | str | None = None,
    *,
    against: int | str | None = None,
    layer: str = "auto",
    baseline: str = "black",
    seed: int = 0,
) -> ScoreFunction:
    """The question as methods want it: in float32, with class indexes, everything checked."""
    image = _checked(image)
    make_baseline(image[..., :2, :2], baseline)
    model = in_float32(model)
    index = _top_class(model, image) if target is None else model.find_class(str(target))
    other = None if against is None else model.find_class(str(against))
    if other == index:
        raise UsageError(f"{model.label(index)!r} cannot be explained against itself; choose another class.")
    return ScoreFunction(model, image.to(model.device), index, other, layer, baseline, seed)


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
    score_function = pose(model, blank, some, against=other, layer=layer, baseline=baseline, seed=seed)
    check_applies(entry, score_function)
    if layer != "auto" and entry.family == "cam":
        score_function.layer  # noqa: B018 - raises where it has no space to map
    _chosen(entry, options, score_function, None)


def check_applies(method: Method, score_function: ScoreFunction) -> None:
    """Raises UsageError where ``method`` cannot be used with the network: with the reason."""
    named = method.family == "cam" and score_function.layer_name != "auto"
    reason = None if named else method.applies(score_function.model)
    if reason:
        raise UsageError(f"{method.name} does not apply to {score_function.model.name}: {reason}")


def examine(method: Method, score_function: ScoreFunction, options: Mapping[str, Any]) -> Explanation:
    """Run ``method``, measure its cost and completeness, and look for degenerate maps."""
    start = time.perf_counter()
    outcome = method.run(score_function, options)
    seconds = time.perf_counter() - start
    values = outcome.values.detach().float()
    attribution = values if values.dim() == 3 else None
    heatmap = _heatmap(method, score_function, values)
    reference = _baseline_score(method, score_function, outcome)
    total = float(values.double().sum())
    error = None if reference is None else completeness_gap(total, score_function.image_score, reference)
    notes = (*outcome.notes, *_warnings(method, score_function, attribution, heatmap))
    if method.complete and error is not None and error > TOLERANCE and not _says(notes, error):
        notes += (f"completeness error {error:.1%}",)
    return Explanation(
        method=method.name,
        target=score_function.target,
        label=score_function.model.label(score_function.target),
        against=score_function.against,
        heatmap=heatmap.nan_to_num(0.0, 0.0, 0.0),
        attribution=None if attribution is None else attribution.cpu().contiguous(),
        score=score_function.image_score,
        baseline_score=reference,
        completeness_error=error,
        # A map that keeps its negative side is signed, whatever the method says of its usual one.
        signed=method.signed or options.get("rectify") is False,
        forwards=score_function.cost.forwards,
        backwards=score_function.cost.backwards,
        seconds=seconds,
        notes=notes,
        options=_report(score_function, options, outcome),
        against_label=None
        if score_function.against is None
        else score_function.model.label(score_function.against),
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
    method: Method, options: Mapping[str, Any], score_function: ScoreFunction, passes: int | None
) -> dict[str, Any]:
    given = check_values(method.name, method.options, options)
    cost = method.budgeted
    # What a value function gives fits the other options' defaults only.
    limited = score_function.deadline is not None or passes is not None
    if limited and cost and not (given if cost.value else cost.option in given):
        given[cost.option] = _affordable(score_function, cost, passes or MOST_PASSES)
    return {**method.defaults, **given}


def _affordable(score_function: ScoreFunction, cost: Budgeted, passes: int) -> int:
    """What the option may be within ``passes``, and before the deadline by the measured cost of one of them."""
    if score_function.deadline is not None:
        each = _seconds_each(score_function, cost)
        passes = min(passes, int(0.9 * (score_function.deadline - time.perf_counter()) / each))
    if cost.value is not None:
        return cost.value(score_function, max(passes, 1))
    return max(int(passes / cost.units), cost.least)


def _seconds_each(score_function: ScoreFunction, cost: Budgeted) -> float:
    """Of one pass of one picture: in a chunk, unless the method works alone or a chunk is dear."""
    assert score_function.deadline is not None
    trial = ScoreFunction(
        score_function.model, score_function.image, score_function.target, score_function.against
    )
    run = trial.scores if cost.kind == "forward" else trial.gradients

    def measured(count: int) -> float:
        start = time.perf_counter()
        run(score_function.image.expand(count, -1, -1, -1))
        return (time.perf_counter() - start) / count

    measured(1)  # the first pass of a network is slower than the next
    once = measured(1)
    left = score_function.deadline - time.perf_counter()
    if cost.alone or once * score_function.chunk > 0.2 * left:
        return once
    return measured(score_function.chunk)


def _heatmap(method: Method, score_function: ScoreFunction, values: Tensor) -> Tensor:
    return enlarge(_reduced(values, method.reduction), score_function.size).cpu().contiguous()


def _reduced(values: Tensor, reduction: str) -> Tensor:
    if values.dim() == 2:
        return values
    return values.abs().amax(dim=0) if reduction == "max-abs" else values.sum(dim=0)


def _baseline_score(method: Method, score_function: ScoreFunction, outcome: Outcome) -> float | None:
    if outcome.baseline_score is not None or not method.complete:
        return outcome.baseline_score
    return score_function.score_of(score_function.baseline)


def _says(notes: tuple[str, ...], error: float) -> bool:
    return any(f"error {error:.1%}" in note for note in notes)


def _warnings(
    method: Method, score_function: ScoreFunction, attribution: Tensor | None, heatmap: Tensor
) -> list[str]:
    notes = []
    if not torch.isfinite(heatmap).all():
        notes.append("the map holds NaN or infinite values, shown as 0")
    elif not heatmap.any():
        notes.append("the map is zero everywhere")
    elif attribution is not None:
        notes += _twins(method, score_function, attribution)
    return notes


def _twins(method: Method, score_function: ScoreFunction, attribution: Tensor) -> list[str]:
    """Whether the map is really a cheaper one: the gradient, or input times gradient."""
    silent = ScoreFunction(
        score_function.model, score_function.image, score_function.target, score_function.against
    )
    gradient = silent.gradients(score_function.image)[0]
    twins = {"saliency": (gradient, "identical to the gradient")}
    twins["input-x-gradient"] = (gradient * score_function.image[0], "identical to input x gradient")
    return [
        words for name, (twin, words) in twins.items() if name != method.name and _parallel(attribution, twin)
    ]


def _parallel(one: Tensor, other: Tensor) -> bool:
    cosine = F.cosine_similarity(one.double().flatten(), other.double().flatten(), dim=0)
    return float(cosine) > 0.99999


def _report(score_function: ScoreFunction, options: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    if "layer" in score_function.used:
        shared["layer"] = score_function.layer.name
    if "baseline" in score_function.used:
        shared["baseline"] = score_function.baseline_name
    if "seed" in score_function.used:
        shared["seed"] = score_function.seed
    own = {name: value for name, value in options.items() if value is not None}
    return {**shared, **own, **outcome.options}
