"""Keeping within a time: what is left of it, and what maps and checks will take, corrected by what they took."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from deepdream.attribution.checks.check_registry import Check
from deepdream.attribution.checks.context import CheckContext, MapUnderTest
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
    """A time that may be used up; None never is."""

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

        What quick methods leave over is not all spent by the last one.
        """
        if self.seconds is None:
            return None
        return max(min(self.left / max(parts, 1), most * self.seconds), 0.1)


class Pace:
    """How long explanations take: measured on one pass at first, then on those that were made."""

    def __init__(self, context: CheckContext) -> None:
        self.context = context
        self.seconds, self.passes = 0.0, 0
        self.excess = 1.0
        """By how much a method that samples overran its share, at most so far."""

    def reason(self, method: Method, clock: Clock) -> str | None:
        """Why there is no time for ``method``, or None."""
        if clock.seconds is None:
            return None
        left = clock.left
        least = self._least(method)
        if least <= left and left > 0:
            return None
        if left < 0.5:
            return f"the {clock.seconds:.0f} s for explanations were used up"
        return f"it would take {least:.0f} s even with the fewest passes, and {left:.0f} s were left"

    def learn(self, made: Explanation, seconds: float, share: float | None) -> None:
        """Take what ``made`` took for the measure of the next."""
        self.seconds += seconds
        self.passes += made.forwards + BACKWARD * made.backwards + BESIDE
        if share is not None and find_method(made.method).budgeted:
            self.excess = min(MOST_EXCESS, max(self.excess, seconds / share))

    def _least(self, method: Method) -> float:
        cost = method.budgeted
        if cost is None:  # at least a gradient or a pass
            return 0.0
        each = 1 if cost.kind == "forward" else 1 + BACKWARD
        passes = cost.least * cost.units * each
        return passes * (self.seconds / self.passes if self.passes else self.context.seconds_each)


class Forecast:
    """What a check will take on the next map: what it says it costs, corrected by what it took on the ones before."""

    def __init__(self, context: CheckContext, check: Check) -> None:
        self.context, self.check = context, check
        self.expected: list[float] = []
        self.took: list[float] = []

    def seconds(self, tested_map: MapUnderTest) -> float:
        """Expected for ``tested_map``."""
        passes, explanations = self._corrected(tested_map)
        return passes + explanations

    def fits(self, tested_map: MapUnderTest, left: float) -> bool:
        """Whether it can be made in ``left`` seconds, without taking the others' time."""
        passes, explanations = self._corrected(tested_map)
        return left > passes + explanations / SHARE

    def learn(self, tested_map: MapUnderTest, seconds: float) -> None:
        """Take what it took for the measure of the next."""
        if self.took or not self.check.forwards(
            self.context, True
        ):  # the first measures the controls as well
            self.expected.append(sum(self._stated(tested_map)))
        self.took.append(seconds)

    def _stated(self, tested_map: MapUnderTest) -> tuple[float, float]:
        passes = self.check.forwards(self.context, not self.took)
        seconds = passes * self.context.seconds_each if passes else 0.0
        return seconds, tested_map.seconds * self.check.recomputations

    def _corrected(self, tested_map: MapUnderTest) -> tuple[float, float]:
        passes, explanations = self._stated(tested_map)
        pairs = (
            list(zip(self.took[-len(self.expected) :], self.expected, strict=True)) if self.expected else []
        )
        beside = min((max(0.0, took - said) for took, said in pairs), default=0.0)
        said = sum(said for _, said in pairs)
        factor = max(1.0, sum(max(0.0, took - beside) for took, _ in pairs) / said) if said else 1.0
        return factor * passes + beside, factor * explanations
