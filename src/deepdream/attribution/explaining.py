"""Running one method on one picture: a question in, a measured and examined explanation out."""

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
from deepdream.attribution.pass_budget import complete_options
from deepdream.attribution.question import Question
from deepdream.attribution.registry import Method, Outcome, find_method
from deepdream.attribution.score_function import ScoreFunction, enlarge
from deepdream.errors import UsageError
from deepdream.models import Model

#: A complete method whose sum is further off than this gets a note.
TOLERANCE = 0.01


def explain(
    model: Model,
    image: Tensor,
    method: str = "integrated-gradients",
    target: int | str | None = None,
    *,
    question: Question | None = None,
    against: int | str | None = None,
    layer: str | None = None,
    baseline: str | None = None,
    seed: int | None = None,
    budget: float | None = None,
    passes: int | None = None,
    **options: Any,
) -> Explanation:
    """Why the network gives ``target`` (by default its top class) to a picture, by one method.

    Args:
        image: (1, 3, H, W), RGB in [0, 1], at the size to feed; ``model.crop(picture)`` makes it.
        question: Target, against, layer, baseline and seed as one value, which these five keywords replace.
        target, against: An index or a name; ``against`` asks why the one and not the other.
        layer: For methods that read one; ``auto`` is the last spatial one.
        baseline: black, mean, blur, noise or white: the reference image that stands for absence.
        budget: Seconds; sets the number of samples of a method that has one.
        passes: The most passes through the network; sets the same number without measuring time.
        options: The method's own, such as ``samples`` or ``steps``; None means its default.

    >>> from deepdream import load_model
    >>> model = load_model()
    >>> explain(model, torch.full((1, 3, 224, 224), 0.5), "saliency", target=281).label
    'tabby'

    Raises:
        UnknownNameError: no such method, class, layer or baseline.
        UsageError: the method does not apply to this network, or has no such option or value.
    """
    entry = find_method(method)
    options = check_values(method, entry.options, options)  # before the network runs
    question = (question or Question()).refine(
        target=target, against=against, layer=layer, baseline=baseline, seed=seed
    )
    score_function = ScoreFunction.of(model, image, question)
    check_applies(entry, score_function)
    if budget is not None:
        score_function = replace(score_function, deadline=time.perf_counter() + budget)
    return examine(entry, score_function, complete_options(entry, options, score_function, passes))


def heatmap_of(
    model: Model,
    image: Tensor,
    method: str,
    question: Question,
    *,
    passes: int | None = None,
    **options: Any,
) -> Tensor:
    """The heatmap (H, W) of ``explain``, without its examination: for maps that are only compared."""
    entry = find_method(method)
    options = check_values(method, entry.options, options)
    score_function = ScoreFunction.of(model, image, question)
    check_applies(entry, score_function)
    outcome = entry.run(score_function, complete_options(entry, options, score_function, passes))
    return _heatmap(entry, score_function, outcome.values.detach().float()).nan_to_num(0.0, 0.0, 0.0)


def check_question(model: Model, method: str, question: Question, **options: Any) -> None:
    """Look, before many pictures, whether the question can be asked of any.

    Raises:
        UnknownNameError: no such method, class, layer or baseline.
        UsageError: the method does not apply to this network, or has no such option or value.
    """
    entry = find_method(method)
    check_values(method, entry.options, options)
    if question.target is None:  # the top class of a black picture may be the one to compare with
        against = None if question.against is None else model.find_class(str(question.against))
        question = replace(question, target=1 if against == 0 else 0)
    score_function = ScoreFunction.of(
        model, torch.zeros(1, model.channels, *model.preprocessing.size), question
    )
    check_applies(entry, score_function)
    if question.layer != "auto" and entry.family == "cam":
        score_function.layer  # noqa: B018 - raises where it has no space to map


def check_applies(method: Method, score_function: ScoreFunction) -> None:
    """Raises UsageError where ``method`` cannot be used with the network: with the reason."""
    # A class activation map of a layer that the user names is drawn, however early the layer is.
    named = method.family == "cam" and score_function.question.layer != "auto"
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
    reference = outcome.baseline_score
    if reference is None and method.complete:
        reference = score_function.score_of(score_function.baseline)
    error = None
    if reference is not None:
        error = completeness_gap(float(values.double().sum()), score_function.image_score, reference)
    notes = (*outcome.notes, *_warnings(method, score_function, attribution, heatmap))
    # A path that did not converge has named its error already.
    named = any(f"error {error:.1%}" in note for note in notes) if error is not None else True
    if method.complete and error is not None and error > TOLERANCE and not named:
        notes += (f"completeness error {error:.1%}",)
    label, against = score_function.model.label, score_function.against
    return Explanation(
        method=method.name,
        target=score_function.target,
        label=label(score_function.target),
        against=against,
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
        options=_options_used(score_function, options, outcome),
        against_label=None if against is None else label(against),
        question=score_function.question,
    )


def _heatmap(method: Method, score_function: ScoreFunction, values: Tensor) -> Tensor:
    if values.dim() == 3:
        values = values.abs().amax(dim=0) if method.reduction == "max-abs" else values.sum(dim=0)
    return enlarge(values, score_function.size).cpu().contiguous()


def _warnings(
    method: Method, score_function: ScoreFunction, attribution: Tensor | None, heatmap: Tensor
) -> list[str]:
    """What is wrong with a map: no numbers, nothing in it, or that it is really a cheaper one."""
    if not torch.isfinite(heatmap).all():
        return ["the map holds NaN or infinite values, shown as 0"]
    if not heatmap.any():
        return ["the map is zero everywhere"]
    # A map of a gray network may have one channel, where pictures have three.
    if attribution is None or attribution.shape != score_function.image.shape[1:]:
        return []
    image, flat = score_function.image, attribution.double().flatten()
    gradient = score_function.uncounted().gradients(image)[0]
    twins = {"saliency": (gradient, "identical to the gradient")}
    twins["input-x-gradient"] = (gradient * image[0], "identical to input x gradient")
    return [
        words
        for name, (twin, words) in twins.items()
        if name != method.name and float(F.cosine_similarity(flat, twin.double().flatten(), dim=0)) > 0.99999
    ]


def _options_used(
    score_function: ScoreFunction, options: Mapping[str, Any], outcome: Outcome
) -> dict[str, Any]:
    """Layer, baseline and seed where the method has read them, then its own options, as it used them."""
    question, used = score_function.question, set(score_function.used)
    shared: dict[str, Any] = {}
    if "layer" in used:
        shared["layer"] = score_function.layer.name
    shared |= {name: getattr(question, name) for name in ("baseline", "seed") if name in used}
    own = {name: value for name, value in options.items() if value is not None}
    return {**shared, **own, **outcome.options}
