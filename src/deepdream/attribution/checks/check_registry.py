"""The one list of checks, and what each gives: a number beside its controls, and a verdict in words."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import fmean
from types import MappingProxyType
from typing import Any

from torch import Tensor

from deepdream.attribution.checks.context import CheckContext, MapUnderTest, Measurement
from deepdream.attribution.checks.maps import EDGES, GAUSSIAN
from deepdream.attribution.checks.verdicts import Better, ControlScores, Verdict, judge_all, number
from deepdream.errors import UnknownNameError, UsageError


@dataclass(frozen=True)
class CheckResult:
    """What one check says about one method.

    Attributes:
        values: The numbers by variant (two substrates, say); empty where the check could not be made.
        main: The variants whose mean a table shows; all if empty.
        bands: The same of the controls, by the same variants.
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

    @property
    def value(self) -> float | None:
        """The one number for a table: the mean over the main variants."""
        shown = [self.values[name] for name in self.main or self.values]
        return sum(shown) / len(shown) if shown else None

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


def _none(context: CheckContext, first: bool) -> int:
    del context, first
    return 0


@dataclass(frozen=True)
class Check:
    """An entry of the registry.

    Attributes:
        question: What its number answers.
        good: What a good value is.
        cost: In forward passes and explanations.
        better: Which way is better, where there is a way.
        applies: None, or why the check cannot be made here.
        forwards: Passes through the network, at most, beside those of explanations made again; True for the first map
            of a case, with which the controls are measured.
    """

    name: str
    question: str
    paper: str
    good: str
    cost: str
    better: Better | None
    run: Callable[[CheckContext, MapUnderTest], CheckResult]
    applies: Callable[[CheckContext, MapUnderTest], str | None]
    forwards: Callable[[CheckContext, bool], int] = _none

    def __call__(self, context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
        """Make the check; one that does not apply says so, and so does one that fails on a shuffled network."""
        reason = self.applies(context, tested_map)
        if reason:
            return CheckResult(self.name, tested_map.method, verdict=f"not made: {reason}")
        before, start = (context.cost.forwards, context.cost.backwards), time.perf_counter()
        try:
            found = self.run(context, tested_map)
        except UsageError as error:
            found = CheckResult(self.name, tested_map.method, verdict=f"not made: {error}")
        spent = (context.cost.forwards - before[0], context.cost.backwards - before[1])
        seconds = time.perf_counter() - start
        return replace(found, forwards=spent[0], backwards=spent[1], seconds=seconds)


Measure = Callable[[CheckContext, Tensor], Measurement]
Run = Callable[[CheckContext, MapUnderTest], CheckResult]
Applies = Callable[[CheckContext, MapUnderTest], str | None]

_CHECKS: dict[str, Check] = {}
_FILES = (
    "promises",
    "removal",
    "road",
    "fidelity",
    "randomization",
    "localization",
    "shape",
    "map_agreement",
)


def always(context: CheckContext, tested_map: MapUnderTest) -> None:
    """A check that can be made of every map."""
    del context, tested_map


def check_of_maps(
    name: str,
    *,
    better: Better,
    applies: Applies = always,
    each: int | Callable[[CheckContext], int] = 0,
    once: int = 0,
    **words: str,
) -> Callable[[Measure], Measure]:
    """Register ``measure(case, heatmap)``: taken of the method's map and, once a case, of every control.

    ``each`` and ``once`` are the passes through the network of one map, and of all maps together.
    """

    def forwards(context: CheckContext, first: bool) -> int:
        one = each if isinstance(each, int) else each(context)
        return once + one * (1 + len(context.controls)) if first else one

    def enter(measure: Measure) -> Measure:
        def run(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
            mine = measure(context, tested_map.heatmap)
            controls = context.measured(name, measure)
            control_scores = {
                variant: ControlScores.of({key: found.values[variant] for key, found in controls.items()})
                for variant in mine.values
            }
            verdict = judge_all(mine.values, control_scores, better)
            return check_result(name, tested_map, mine, verdict=verdict, control_scores=control_scores)

        _CHECKS[name] = Check(name=name, better=better, run=run, applies=applies, forwards=forwards, **words)
        return measure

    return enter


def check_of_methods(
    name: str, *, better: Better | None = None, applies: Applies = always, **words: str
) -> Callable[[Run], Run]:
    """Register ``run(case, claim)``, which needs more than the map and brings its own controls."""

    def enter(run: Run) -> Run:
        _CHECKS[name] = Check(name=name, better=better, run=run, applies=applies, forwards=_none, **words)
        return run

    return enter


def check_result(
    name: str,
    tested_map: MapUnderTest,
    measured: Measurement,
    *,
    verdict: Verdict,
    control_scores: Mapping[str, ControlScores] | None = None,
    main: tuple[str, ...] = (),
) -> CheckResult:
    """A finding from a measurement and what was judged of it."""
    return CheckResult(
        name,
        tested_map.method,
        values=dict(measured.values),
        control_scores=dict(control_scores or {}),
        verdict=verdict.words,
        supports=verdict.supports,
        curves={key: tuple(curve) for key, curve in measured.curves.items()},
        main=main,
    )


def all_checks() -> Mapping[str, Check]:
    """Every check by name, the cheap ones first."""
    _load()
    return MappingProxyType(_CHECKS)


def find_check(name: str) -> Check:
    """The check ``name``. Raises UnknownNameError with the nearest names."""
    if name not in all_checks():
        raise UnknownNameError("check", name, all_checks(), listing="deepdream check --list")
    return all_checks()[name]


@cache
def _load() -> None:
    for file in _FILES:
        importlib.import_module(f"deepdream.attribution.checks.{file}")
