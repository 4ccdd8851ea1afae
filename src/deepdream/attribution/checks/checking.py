"""Running checks: maps made by the registry's methods, checked one after the other, within a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from deepdream.attribution.checks.check_registry import Check, CheckResult, find_check
from deepdream.attribution.checks.context import SUBSTRATES, CheckContext, MapUnderTest, Recompute
from deepdream.attribution.checks.timing import EXPLANATIONS, Clock, Forecast, Pace
from deepdream.attribution.explanation import Explanation
from deepdream.attribution.registry import find_method
from deepdream.attribution.running import explain, map_of, usual_passes
from deepdream.errors import UsageError
from deepdream.models import Model

#: What ``check`` does unless told otherwise: everything.
DEFAULT_CHECKS = (
    "completeness",
    "degeneracy",
    "cost",
    "infidelity",
    "deletion",
    "insertion",
    "sufficiency",
    "road",
    "randomization",
    "layer-randomization",
    "random-logit",
    "sensitivity",
    "pointing-game",
    "mass-inside",
    "complexity",
    "sparseness",
    "agreement",
)
#: Checks that only together judge a map.
CURVES = ("deletion", "insertion", "sufficiency")
#: The share of what is left after the maps that deletion and insertion may take, and the share where the fewest points
#: take longer; then fewer maps have curves.
FOR_CURVES, MOST_FOR_CURVES = 0.4, 0.7
#: The fewest and the most points of a curve.
FEWEST_STEPS, MOST_STEPS = 7, 98
#: Passes through the network of one explanation that a check asks for again, where there is little time.
REDUCED_PASSES = 80


@dataclass(frozen=True)
class NotApplicable:
    """A method that does not apply to this network, and why."""

    method: str
    reason: str


def recomputations(checks: Iterable[str]) -> int:
    """How many explanations these checks ask for again of one method that samples, its rough self included."""
    return 1 + sum(EXPLANATIONS.get(name, 0) for name in checks)


def map_under_test(made: Explanation, *, seed: int = 0, passes: int | None = None) -> MapUnderTest:
    """An explanation as a claim that can be checked.

    Checks ask for it again many times: with ``passes`` a method that samples may then make only so many passes
    through the network, and is compared with a map of its own that is as rough.
    """
    spent = max(made.forwards, made.backwards)
    reduced_passes = passes is not None and passes < spent and find_method(made.method).budgeted is not None
    return MapUnderTest(
        made.method,
        made.heatmap,
        recompute_of(made, seed=seed, passes=passes if reduced_passes else None),
        made,
        reduced_passes=f"{passes} passes through the network" if reduced_passes else "",
        seconds=made.seconds * (passes / spent if reduced_passes and passes else 1.0),
    )


def recompute_of(made: Explanation, *, seed: int = 0, passes: int | None = None) -> Recompute:
    """The method of ``made`` with the same options, on any network, picture and class; or within ``passes``."""
    wanted = _own_options(made, reduced_passes=passes is not None)

    def recompute(model: Model, image: Tensor, target: int) -> Tensor:
        return map_of(
            model, image, made.method, target, against=made.against, seed=seed, passes=passes, **wanted
        )

    return recompute


def _own_options(made: Explanation, *, reduced_passes: bool) -> dict[str, Any]:
    """The options that ``made`` used; where it will be made anew more roughly, without those that set its cost."""
    entry = find_method(made.method)
    names = set(entry.options)
    if reduced_passes and entry.budgeted:
        names = {name for name in names if entry.defaults[name] is not None} - {entry.budgeted.option}
    return {name: value for name, value in made.options.items() if name in names | {"layer", "baseline"}}


def explained(
    context: CheckContext,
    methods: Sequence[str],
    *,
    budget: float | None = None,
    depth: float | None = None,
    **options: Any,
) -> Iterator[Explanation | NotApplicable]:
    """One explanation a method, in their order; what does not apply is named with its reason.

    Methods that sample take as many samples as the time allows, but with ``depth`` at most so many times their
    usual number: then the maps are the same on every machine that is fast enough.
    """
    clock, pace = Clock(budget), Pace(context)
    for index, method in enumerate(methods):
        entry = find_method(method)
        # Whether it applies may take passes to find out.
        reason = pace.reason(entry, clock) or entry.applies(context.model)
        if reason is not None:
            yield NotApplicable(method, reason)
            continue
        share = clock.share(len(methods) - index, most=2 / len(methods) if depth is None else 1.0)
        before = clock.used
        try:
            found = explain(
                context.model,
                context.image,
                method,
                context.target,
                against=context.against,
                seed=context.seed,
                budget=None if share is None else share / pace.excess,
                passes=_passes(method, depth),
                **options,
            )
        except UsageError as error:
            yield NotApplicable(method, str(error))
            continue
        pace.learn(found, clock.used - before, share)
        yield found


def _passes(method: str, depth: float | None) -> int | None:
    usual = None if depth is None else usual_passes(find_method(method))
    return None if usual is None else max(1, round(usual * (depth or 0)))


def checked(
    context: CheckContext,
    tested_maps: Iterable[MapUnderTest],
    checks: Sequence[str] = DEFAULT_CHECKS,
    *,
    budget: float | None = None,
    curves: int | None = None,
) -> Iterator[CheckResult]:
    """Every check of every claim, check by check; those for which no time is left say so.

    ``curves`` is for how many claims deletion and insertion are made at most: half of both would judge nothing.

    Raises:
        UnknownNameError: no such check.
    """
    all_maps = list(tested_maps)
    context.maps |= {tested_map.method: tested_map.heatmap for tested_map in all_maps}
    limits = {} if curves is None else dict.fromkeys(CURVES, curves)
    return _checked(context, all_maps, [find_check(name) for name in checks], budget, limits)


def _checked(
    context: CheckContext,
    tested_maps: list[MapUnderTest],
    checks: list[Check],
    budget: float | None,
    limits: Mapping[str, int],
) -> Iterator[CheckResult]:
    clock = Clock(budget)
    with context.within(budget):
        for check in checks:
            forecast = Forecast(context, check)
            for index, tested_map in enumerate(tested_maps):
                beyond = index >= limits.get(check.name, len(tested_maps))
                if budget is not None and (beyond or not forecast.fits(tested_map, clock.left)):
                    verdict = _no_time(forecast.seconds(tested_map), max(clock.left, 0))
                    yield CheckResult(check.name, tested_map.method, verdict=verdict)
                    continue
                found = check(context, tested_map)
                if budget is not None:
                    forecast.learn(tested_map, found.seconds)
                yield found


def _no_time(expected: float, left: float) -> str:
    if expected < 0.5:
        return "not made: there was no time left"
    return f"not made: it would take {expected:.0f} s, too much of the {left:.0f} s left for all checks"


def plan_curves(context: CheckContext, maps: int, left: float, *, most: float) -> int:
    """Set the points of a curve, ``most`` at most, so that those of all maps fit; or of how many maps they do.

    Args:
        maps: How many there are beside the controls.
        left: Seconds for everything that is still to be done.
    """
    each = 2 * len(SUBSTRATES) * context.seconds_each
    wanted = FOR_CURVES * left / (each * (maps + len(context.controls)))
    context.steps = int(max(FEWEST_STEPS, min(most, MOST_STEPS, wanted)))
    return max(0, int(MOST_FOR_CURVES * left / (each * context.steps)) - len(context.controls))
