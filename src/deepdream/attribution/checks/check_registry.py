"""The one list of checks, and what each gives: a number beside its controls, and a verdict in words."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import fmean
from types import MappingProxyType
from typing import Any, Literal

from torch import Tensor

from deepdream.attribution.checks.context import CheckContext, Measurement
from deepdream.attribution.checks.maps import EDGES, GAUSSIAN
from deepdream.attribution.checks.tested_map import MapUnderTest
from deepdream.attribution.checks.verdicts import Better, ControlScores, Verdict, judge_all, number
from deepdream.errors import UnknownNameError, UsageError


@dataclass(frozen=True)
class CheckResult:
    """What one check says about one method.

    Attributes:
        values: The numbers by variant (two substrates, say); empty where the check could not be made.
        main: The variants whose mean a table shows; all if empty.
        control_scores: The same of the controls, by the same variants.
        verdict: In words.
        supports: Whether the check supports the method; None where it can do neither.
        curves: What was plotted to get there, by variant.
        forwards, backwards: Pictures pushed through the network for it, and gradients pulled back.
    """

    check: str
    method: str
    values: Mapping[str, float] = field(default_factory=dict)
    control_scores: Mapping[str, ControlScores] = field(default_factory=dict)
    verdict: str = ""
    supports: bool | None = None
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    forwards: int = 0
    backwards: int = 0
    seconds: float = 0.0
    main: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        tested_map: MapUnderTest,
        measured: Measurement,
        *,
        verdict: Verdict,
        control_scores: Mapping[str, ControlScores] | None = None,
        main: tuple[str, ...] = (),
    ) -> CheckResult:
        """The result of check ``name``: what was measured of a map, and how it was judged."""
        return cls(
            name,
            tested_map.method,
            values=dict(measured.values),
            control_scores=dict(control_scores or {}),
            verdict=verdict.words,
            supports=verdict.supports,
            curves={key: tuple(curve) for key, curve in measured.curves.items()},
            main=main,
        )

    @property
    def value(self) -> float | None:
        """The one number for a table: the mean over the main variants."""
        values = [self.values[name] for name in self.main or self.values]
        return fmean(values) if values else None

    @property
    def controls(self) -> dict[str, tuple[float, float]]:
        """What stands beside ``value``: mean and standard deviation of the random maps, the blob, the edges."""
        control_scores = [self.control_scores[name] for name in self.main or self.control_scores]
        if not control_scores:
            return {}
        return {
            "random maps": (fmean(b.mean for b in control_scores), fmean(b.sd for b in control_scores)),
            GAUSSIAN: (fmean(b.gaussian for b in control_scores), 0.0),
            EDGES: (fmean(b.edges for b in control_scores), 0.0),
        }

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "check": self.check,
            "method": self.method,
            "value": None if self.value is None else number(self.value),
            "values": {name: number(value) for name, value in self.values.items()},
            "controls": {
                name: control_scores.to_dict() for name, control_scores in self.control_scores.items()
            },
            "verdict": self.verdict,
            "supports_the_method": self.supports,
            "curves": {name: [number(y) for y in curve] for name, curve in self.curves.items()},
            "forwards": self.forwards,
            "backwards": self.backwards,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Check:
    """An entry of the registry.

    Attributes:
        question: What its number answers.
        paper: Its source.
        good: What a good value is.
        cost: In forward passes and explanations.
        order: Its place among the checks, the smallest first: the order in which time is spent.
        report: Whether a report has it in its table of numbers, only among the verdicts in words (``details``), only
            if there is time for twice the usual page (``deep``), or not at all (``no``).
        better: Which way is better, where there is a way.
        applies: None, or why the check cannot be made here.
        recomputations: How many explanations it computes of each method, on other networks, pictures or classes.
        curve: Whether its passes grow with the context's steps; few points of all maps judge more than many of one.
        forwards: Passes through the network, at most, beside those of recomputations; True for the first map of a
            context, with which the controls are measured.
    """

    name: str
    question: str
    paper: str
    good: str
    cost: str
    order: float
    run: Run
    better: Better | None = None
    report: Place = "table"
    applies: Applies = lambda *_: None
    recomputations: int = 0
    curve: bool = False
    forwards: Callable[[CheckContext, bool], int] = lambda *_: 0

    def __call__(self, context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
        """Make the check; one that does not apply says so, and so does one that fails on a shuffled network."""
        reason = self.applies(context, tested_map)
        if reason:
            return CheckResult(self.name, tested_map.method, verdict=f"not made: {reason}")
        # The context counts for all checks together; the difference is this one's.
        before, start = replace(context.cost), time.perf_counter()
        try:
            result = self.run(context, tested_map)
        except UsageError as error:
            result = CheckResult(self.name, tested_map.method, verdict=f"not made: {error}")
        return replace(
            result,
            forwards=context.cost.forwards - before.forwards,
            backwards=context.cost.backwards - before.backwards,
            seconds=time.perf_counter() - start,
        )

    def to_dict(self) -> dict[str, Any]:
        """What is known of it, ready for JSON."""
        names = ("name", "question", "good", "cost", "paper", "better")
        return {name: getattr(self, name) for name in names}


Place = Literal["table", "details", "deep", "no"]
Measure = Callable[[CheckContext, Tensor], Measurement]
Run = Callable[[CheckContext, MapUnderTest], CheckResult]
Applies = Callable[[CheckContext, MapUnderTest], str | None]

_CHECKS: dict[str, Check] = {}


def check_of_maps(
    name: str,
    *,
    better: Better,
    each: int | Callable[[CheckContext], int] = 0,
    once: int = 0,
    **fields: Any,
) -> Callable[[Measure], Measure]:
    """Register ``measure(context, heatmap)``: taken of the method's map and, once a context, of every control.

    Args:
        each, once: Passes through the network for one map, and for all maps together.
        fields: The other fields of ``Check``.
    """

    def forwards(context: CheckContext, first: bool) -> int:
        one = each if isinstance(each, int) else each(context)
        return once + one * (1 + len(context.controls)) if first else one

    def enter(measure: Measure) -> Measure:
        def run(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
            measured = measure(context, tested_map.heatmap)
            # Measured at the first map, kept for the others: seven controls cost more than one map.
            controls = context.measured(name, measure)
            scores = ControlScores.by_variant({key: control.values for key, control in controls.items()})
            verdict = judge_all(measured.values, scores, better)
            return CheckResult.of(name, tested_map, measured, verdict=verdict, control_scores=scores)

        _enter(Check(name=name, better=better, run=run, forwards=forwards, **fields))
        return measure

    return enter


def check_of_methods(name: str, **fields: Any) -> Callable[[Run], Run]:
    """Register ``run(context, tested_map)``, which needs more than the map and brings its own controls.

    Args:
        fields: The other fields of ``Check``.
    """

    def enter(run: Run) -> Run:
        _enter(Check(name=name, run=run, **fields))
        return run

    return enter


def _enter(check: Check) -> None:
    _CHECKS[check.name] = check
    for name in sorted(_CHECKS, key=lambda name: _CHECKS[name].order):
        _CHECKS[name] = _CHECKS.pop(name)


def all_checks() -> Mapping[str, Check]:
    """Every check by name, in the order in which time is spent on them."""
    _load()
    return MappingProxyType(_CHECKS)


def find_check(name: str) -> Check:
    """The check ``name``. Raises UnknownNameError with the nearest names."""
    if name not in all_checks():
        raise UnknownNameError("check", name, all_checks(), listing="deepdream check --list")
    return all_checks()[name]


@cache
def _load() -> None:
    # Every file of the package registers its checks when it is imported; those without any are small.
    checks = importlib.import_module(__package__)
    for file in pkgutil.iter_modules(checks.__path__, f"{__package__}."):
        importlib.import_module(file.name)
