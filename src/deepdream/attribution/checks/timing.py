"""Keeping within a time: the seconds that remain, and those that maps and checks will take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from deepdream.attribution.checks.check_registry import Check
from deepdream.attribution.checks.context import CheckContext
from deepdream.attribution.checks.tested_map import MapUnderTest
from deepdream.attribution.explanation import Explanation
from deepdream.attribution.registry import Method, find_method

#: The share of the remaining time that one slow method may take for one check, so that the others get theirs.
SHARE = 0.35
#: What a gradient costs beside its forward pass, in forward passes.
BACKWARD = 2
#: Passes of an explanation beside its method's: its score, and the gradient that its map is compared with.
BESIDE = 2 + BACKWARD
#: A method that overran its share once does not make the others' shares smaller than by this.
MOST_EXCESS = 3.0


@dataclass
class Clock:
    """Seconds that are used up from now on; None is no limit."""

    seconds: float | None = None
    # Looked up at each start, so that a test may set the clock.
    start: float = field(default_factory=lambda: time.monotonic())

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

        The limit keeps the last method from spending all that the quick ones before it left over.
        """
        if self.seconds is None:
            return None
        return max(min(self.left / max(parts, 1), most * self.seconds), 0.1)


class Pace:
    """How long explanations take: by one measured pass at first, then by the explanations so far."""

    def __init__(self, context: CheckContext) -> None:
        self.context = context
        self.seconds, self.passes = 0.0, 0
        self.excess = 1.0
        """By how much a method that samples overran its share, at most so far."""

    def reason(self, method: Method, clock: Clock) -> str | None:
        """Why there is no time for ``method``, or None."""
        if clock.seconds is None:
            return None
        remaining, cost, least = clock.left, method.budgeted, 0.0
        if cost is not None:  # every other method makes a few passes, which take less than measuring them
            passes = cost.least * cost.units * (1 if cost.kind == "forward" else 1 + BACKWARD)
            least = passes * (self.seconds / self.passes if self.passes else self.context.seconds_each)
        if least <= remaining and remaining > 0:
            return None
        if remaining < 0.5:
            return f"the {clock.seconds:.0f} s for explanations were used up"
        return f"it would take {least:.0f} s even with the fewest passes, and {remaining:.0f} s were left"

    def learn(self, explanation: Explanation, seconds: float, share: float | None) -> None:
        """Correct the expectation by the ``seconds`` that an explanation took, of its ``share``."""
        self.seconds += seconds
        self.passes += explanation.forwards + BACKWARD * explanation.backwards + BESIDE
        if share is not None and find_method(explanation.method).budgeted:
            self.excess = min(MOST_EXCESS, max(self.excess, seconds / share))


class Forecast:
    """What a check will take on the next map: its stated cost, corrected by what the maps before took."""

    def __init__(self, context: CheckContext, check: Check) -> None:
        self.context, self.check = context, check
        self.stated: list[float] = []
        self.measured: list[float] = []

    def seconds(self, tested_map: MapUnderTest) -> float:
        """Expected for ``tested_map``."""
        return sum(self._corrected(tested_map))

    def fits(self, tested_map: MapUnderTest, remaining: float) -> bool:
        """Whether it can be made in ``remaining`` seconds, without taking the others' time."""
        passes, explanations = self._corrected(tested_map)
        return remaining > passes + explanations / SHARE

    def learn(self, tested_map: MapUnderTest, seconds: float) -> None:
        """Correct the expectation by the ``seconds`` that the check took."""
        # The first map of a check of maps also measures the controls, so it says nothing about the next.
        if self.measured or not self.check.forwards(self.context, True):
            self.stated.append(sum(self._stated(tested_map)))
        self.measured.append(seconds)

    def _stated(self, tested_map: MapUnderTest) -> tuple[float, float]:
        """Seconds of the check's own passes, and of the explanations that it computes anew."""
        passes = self.check.forwards(self.context, not self.measured)
        seconds = passes * self.context.seconds_each if passes else 0.0
        return seconds, tested_map.seconds * self.check.recomputations

    def _corrected(self, tested_map: MapUnderTest) -> tuple[float, float]:
        passes, explanations = self._stated(tested_map)
        if not self.stated:
            return passes, explanations
        pairs = list(zip(self.measured[-len(self.stated) :], self.stated, strict=True))
        # What every map takes beside its passes (captum's overhead, solving for pixels) is added, the rest scaled.
        beside = min(max(0.0, measured - stated) for measured, stated in pairs)
        total = sum(stated for _, stated in pairs)
        scaled = sum(max(0.0, measured - beside) for measured, _ in pairs)
        factor = max(1.0, scaled / total) if total else 1.0
        return factor * passes + beside, factor * explanations
