"""Running checks: maps made by the registry's methods, checked one after the other, within a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from deepdream.attribution.checks.check_registry import Check, CheckResult, all_checks, find_check
from deepdream.attribution.checks.context import SUBSTRATES, CheckContext
from deepdream.attribution.checks.tested_map import MapUnderTest, Recompute
from deepdream.attribution.checks.timing import Clock, Forecast, Pace
from deepdream.attribution.explaining import explain, heatmap_of
from deepdream.attribution.explanation import Explanation
from deepdream.attribution.method_options import check_values
from deepdream.attribution.question import Question
from deepdream.attribution.registry import find_method
from deepdream.errors import UsageError
from deepdream.models import Model

#: The share of the time left after the maps that deletion and insertion may take, and the share where even the fewest
#: points take longer; then fewer maps have curves.
FOR_CURVES, MOST_FOR_CURVES = 0.4, 0.7
#: The fewest and the most points of a curve.
FEWEST_STEPS, MOST_STEPS = 7, 98
#: Passes through the network of one explanation that a check recomputes, where there is little time.
REDUCED_PASSES = 80


@dataclass(frozen=True)
class NotApplicable:
    """A method that does not apply to this network, and why."""

    method: str
    reason: str


def check(
    model: Model,
    image: Tensor,
    methods: str | Sequence[str] = "integrated-gradients",
    target: int | str | None = None,
    *,
    against: int | str | None = None,
    question: Question | None = None,
    checks: str | Sequence[str] = (),
    mask: Tensor | None = None,
    budget: float | None = None,
    **options: Any,
) -> list[CheckResult]:
    """How far the maps of some methods can be trusted: numbers beside those of control maps, and verdicts in words.

    Each number is also measured of random maps, a centered blob and an edge detector; a check supports a method only
    where its number is better than all of theirs.

    Args:
        image: (1, 3, H, W), RGB in [0, 1], at the size to feed; ``model.crop(picture)`` makes it.
        methods: One or more names of ``methods()``. Those that are checked together are also compared.
        target, against: The class that is explained, by index or name (by default the top class), and one that it is
            compared with.
        question: Target, against, layer, baseline and seed as one value; ``target`` and ``against`` replace
            its values.
        checks: One or more names of ``all_checks()``; all of them if empty.
        mask: (H, W) bool, True on the object, for checks that need the right answer.
        budget: Seconds for everything; checks for which no time is left say so.
        options: Options of the methods, such as ``samples``.

    Returns:
        A result of every check for every method, check by check; a check that could not be made has no value, and its
        verdict says why.

    >>> import torch
    >>> from deepdream import load_model
    >>> image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    >>> (result,) = check(load_model(), image, "saliency", checks="degeneracy")
    >>> result.verdict
    'identical to the gradient, by definition'

    Raises:
        UnknownNameError: no such method, check, class, layer or baseline.
        UsageError: none of the methods applies to this network, or the mask has another size.
    """
    names = [methods] if isinstance(methods, str) else list(methods)
    entries = [find_check(name) for name in ([checks] if isinstance(checks, str) else checks)]
    for name in names:
        check_values(name, find_method(name).options, options)
    question = (question or Question()).refine(target=target, against=against)
    context, clock = CheckContext(model, image, question, mask=mask), Clock(budget)
    maps = []
    for outcome in explained(context, names, budget=None if budget is None else budget / 3, **options):
        if isinstance(outcome, Explanation):
            maps.append(map_under_test(outcome, passes=None if budget is None else REDUCED_PASSES))
        elif len(names) == 1:
            raise UsageError(f"{outcome.method} does not apply to {model.name}: {outcome.reason}")
    if not maps:
        raise UsageError(f"None of these methods applies to {model.name}: {', '.join(names)}.")
    remaining = None if budget is None else clock.left
    curves = None if remaining is None else plan_curves(context, len(maps), remaining, most=context.steps)
    return list(
        checked(
            context, maps, [e.name for e in entries] or tuple(all_checks()), budget=remaining, curves=curves
        )
    )


def recomputations(checks: Iterable[str]) -> int:
    """How many explanations these checks compute anew of one method that samples, its own with fewer passes too."""
    return 1 + sum(find_check(name).recomputations for name in checks)


def map_under_test(explanation: Explanation, *, passes: int | None = None) -> MapUnderTest:
    """An explanation as a map that can be checked.

    Checks compute it anew many times: with ``passes`` a method that samples may then make only so many passes through
    the network, and is compared with a map of its own that is as rough.
    """
    spent = max(explanation.forwards, explanation.backwards)
    sampling = find_method(explanation.method).budgeted is not None
    reduced = passes if passes is not None and passes < spent and sampling else None
    return MapUnderTest(
        explanation.method,
        explanation.heatmap,
        recompute_of(explanation, passes=reduced),
        explanation,
        reduced_passes=reduced,
        seconds=explanation.seconds * (1.0 if reduced is None else reduced / spent),
    )


def recompute_of(explanation: Explanation, *, passes: int | None = None) -> Recompute:
    """The method of ``explanation`` with the same options, on any network, picture and class; or within ``passes``."""
    entry = find_method(explanation.method)
    names = set(entry.options)
    if passes is not None and entry.budgeted:
        # The options that set the cost would make as many passes as before.
        names = {name for name in names if entry.defaults[name] is not None} - {entry.budgeted.option}
    options = {name: value for name, value in explanation.options.items() if name in names}
    # The layer that auto meant: a shuffled network is read at the same one.
    layer = explanation.options.get("layer", explanation.question.layer)
    question = replace(explanation.question, against=explanation.against, layer=layer)

    def recompute(model: Model, image: Tensor, target: int) -> Tensor:
        return heatmap_of(
            model, image, explanation.method, replace(question, target=target), passes=passes, **options
        )

    return recompute


def explained(
    context: CheckContext,
    methods: Sequence[str],
    *,
    budget: float | None = None,
    depth: float | None = None,
    **options: Any,
) -> Iterator[Explanation | NotApplicable]:
    """One explanation a method, in their order; a method that does not apply is named with its reason.

    Methods that sample take as many samples as the time allows, but with ``depth`` at most so many times their
    usual number: then the maps are the same on every machine that is fast enough.
    """
    clock, pace = Clock(budget), Pace(context)
    question = replace(context.question, target=context.target)
    for index, method in enumerate(methods):
        entry = find_method(method)
        # Whether it applies may take passes to find out, so the time is looked at first.
        reason = pace.reason(entry, clock) or entry.applies(context.model)
        if reason is not None:
            yield NotApplicable(method, reason)
            continue
        share = clock.share(len(methods) - index, most=2 / len(methods) if depth is None else 1.0)
        usual = None if depth is None else entry.usual_passes
        before = clock.used
        try:
            explanation = explain(
                context.model,
                context.image,
                method,
                question=question,
                budget=None if share is None else share / pace.excess,
                passes=None if usual is None else max(1, round(usual * (depth or 0))),
                **options,
            )
        except UsageError as error:
            yield NotApplicable(method, str(error))
            continue
        pace.learn(explanation, clock.used - before, share)
        yield explanation


def checked(
    context: CheckContext,
    tested_maps: Iterable[MapUnderTest],
    checks: Sequence[str] = (),
    *,
    budget: float | None = None,
    curves: int | None = None,
) -> Iterator[CheckResult]:
    """Every check of every map, check by check; those for which no time is left say so.

    Args:
        checks: By name; all of them if empty.
        budget: Seconds for all of them.
        curves: For how many maps the curves (deletion, insertion) are made at most: half of both would judge nothing.

    Raises:
        UnknownNameError: no such check.
    """
    entries = [find_check(name) for name in checks or all_checks()]
    return _checked(context, list(tested_maps), entries, Clock(budget), curves)


def _checked(
    context: CheckContext, maps: list[MapUnderTest], checks: list[Check], clock: Clock, curves: int | None
) -> Iterator[CheckResult]:
    context.maps |= {tested_map.method: tested_map.heatmap for tested_map in maps}
    limited = clock.seconds is not None
    with context.within(clock.seconds):
        for entry in checks:
            forecast = Forecast(context, entry)
            most = curves if entry.curve and curves is not None else len(maps)
            for index, tested_map in enumerate(maps):
                if limited and (index >= most or not forecast.fits(tested_map, clock.left)):
                    expected, remaining = forecast.seconds(tested_map), max(clock.left, 0)
                    words = f"it would take {expected:.0f} s, too much of the {remaining:.0f} s left for all checks"
                    if expected < 0.5:  # "0 s would be too much of 0 s" says nothing
                        words = "there was no time left"
                    yield CheckResult(entry.name, tested_map.method, verdict=f"not made: {words}")
                    continue
                result = entry(context, tested_map)
                if limited:
                    forecast.learn(tested_map, result.seconds)
                yield result


def plan_curves(context: CheckContext, maps: int, remaining: float, *, most: float) -> int:
    """Set the points of a curve, ``most`` at most, so that those of all maps fit; or of how many maps they do.

    Args:
        maps: How many there are beside the controls.
        remaining: Seconds for everything that is still to be done.
    """
    each = 2 * len(SUBSTRATES) * context.seconds_each
    affordable = FOR_CURVES * remaining / (each * (maps + len(context.controls)))
    context.steps = int(max(FEWEST_STEPS, min(most, MOST_STEPS, affordable)))
    return max(0, int(MOST_FOR_CURVES * remaining / (each * context.steps)) - len(context.controls))
