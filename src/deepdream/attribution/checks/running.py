"""Running checks: maps made by the registry's methods, checked one after the other, within a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from deepdream.attribution.checks.case import Again, Case, Claim
from deepdream.attribution.checks.registry import Finding, find_check
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
#: Passes through the network of one explanation that a check asks for again, where there is little time.
AGAIN = 80
#: The share of the remaining time that one slow method may take for one check, so that the others get theirs.
SHARE = 0.35
#: How many explanations a check asks for anew; everything else costs only forwards.
_EXPLANATIONS = {"randomization": 5, "layer-randomization": 5, "random-logit": 2, "sensitivity": 3}


@dataclass
class Clock:
    """A time that may be used up; None never is."""

    seconds: float | None = None
    start: float = field(default_factory=time.monotonic)

    @property
    def used(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    @property
    def left(self) -> float:
        """Seconds that remain."""
        return float("inf") if self.seconds is None else self.seconds - self.used

    def share(self, parts: int, *, most: float = 1.0) -> float | None:
        """An equal part of what is left, at most ``most`` of the whole; None without a limit.

        What quick methods leave over is not all spent by the last one.
        """
        if self.seconds is None:
            return None
        return max(min(self.left / max(parts, 1), most * self.seconds), 0.1)


@dataclass(frozen=True)
class Refusal:
    """A method that does not apply to this network, and why."""

    method: str
    reason: str


def repeats_of(checks: Iterable[str]) -> int:
    """How many explanations these checks ask for again of one method that samples, its rough self included."""
    return 1 + sum(_EXPLANATIONS.get(name, 0) for name in checks)


def claim_of(made: Explanation, *, seed: int = 0, passes: int | None = None) -> Claim:
    """An explanation as a claim that can be checked.

    Checks ask for it again many times: with ``passes`` a method that samples may then make only so many passes
    through the network, and is compared with a map of its own that is as rough.
    """
    spent = max(made.forwards, made.backwards)
    rough = passes is not None and passes < spent and find_method(made.method).budgeted is not None
    return Claim(
        made.method,
        made.heatmap,
        repeated(made, seed=seed, passes=passes if rough else None),
        made,
        rough=f"{passes} passes through the network" if rough else "",
        seconds=made.seconds * (passes / spent if rough and passes else 1.0),
    )


def repeated(made: Explanation, *, seed: int = 0, passes: int | None = None) -> Again:
    """The method of ``made`` with the same options, on any network, picture and class; or within ``passes``."""
    wanted = _own_options(made, rough=passes is not None)

    def again(model: Model, image: Tensor, target: int) -> Tensor:
        return map_of(
            model, image, made.method, target, against=made.against, seed=seed, passes=passes, **wanted
        )

    return again


def _own_options(made: Explanation, *, rough: bool) -> dict[str, Any]:
    """The options that ``made`` used; where it will be made anew more roughly, without those that set its cost."""
    entry = find_method(made.method)
    names = set(entry.options)
    if rough and entry.budgeted:
        names = {name for name in names if entry.options[name] is not None} - {entry.budgeted.option}
    return {name: value for name, value in made.options.items() if name in names | {"layer", "baseline"}}


def explained(
    case: Case,
    methods: Sequence[str],
    *,
    budget: float | None = None,
    depth: float | None = None,
    **options: Any,
) -> Iterator[Explanation | Refusal]:
    """One explanation a method, in their order; what does not apply is named with its reason.

    Methods that sample take as many samples as the time allows, but with ``depth`` at most so many times their
    usual number: then the maps are the same on every machine that is fast enough.
    """
    clock = Clock(budget)
    for index, method in enumerate(methods):
        reason = find_method(method).applies(case.model)
        if reason is None and clock.left <= 0:
            reason = f"the {clock.seconds:.0f} s for explanations were used up"
        if reason is not None:
            yield Refusal(method, reason)
            continue
        share = clock.share(len(methods) - index, most=2 / len(methods) if depth is None else 1.0)
        try:
            yield explain(
                case.model,
                case.image,
                method,
                case.target,
                against=case.against,
                seed=case.seed,
                budget=share,
                passes=_passes(method, depth),
                **options,
            )
        except UsageError as error:
            yield Refusal(method, str(error))


def _passes(method: str, depth: float | None) -> int | None:
    usual = None if depth is None else usual_passes(find_method(method))
    return None if usual is None else max(1, round(usual * (depth or 0)))


def checked(
    case: Case,
    claims: Iterable[Claim],
    checks: Sequence[str] = DEFAULT_CHECKS,
    *,
    budget: float | None = None,
) -> Iterator[Finding]:
    """Every check of every claim, check by check; those for which no time is left say so.

    Raises:
        UnknownNameError: no such check.
    """
    all_claims = list(claims)
    case.maps |= {claim.method: claim.heatmap for claim in all_claims}
    return _checked(case, all_claims, [find_check(name) for name in checks], Clock(budget))


def _checked(case: Case, claims: list[Claim], checks: list[Any], clock: Clock) -> Iterator[Finding]:
    for check in checks:
        for claim in claims:
            expected = _expected(check.name, claim)
            if clock.left <= expected / SHARE:
                yield Finding(check.name, claim.method, verdict=_no_time(expected, max(clock.left, 0)))
                continue
            yield check(case, claim)


def _no_time(expected: float, left: float) -> str:
    if expected < 0.5:
        return "not made: there was no time left"
    return f"not made: it would take {expected:.0f} s, and {left:.0f} s are left"


def _expected(check: str, claim: Claim) -> float:
    """Seconds that the explanations of a check will take, as its first one did."""
    return claim.seconds * _EXPLANATIONS.get(check, 0)
