"""What a number is worth beside the numbers of maps that know nothing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deepdream.attribution.checks.maps import EDGES, GAUSSIAN

Better = Literal["higher", "lower"]

#: Standard deviations around the mean of the random maps that still count as chance.
WIDTH = 2.0


@dataclass(frozen=True)
class ControlScores:
    """What the controls score: random maps (one number a seed), the centered blob, the edge detector."""

    random: tuple[float, ...]
    gaussian: float
    edges: float

    @classmethod
    def of(cls, scores: Mapping[str, float]) -> ControlScores:
        """From the scores of ``control_maps`` by name."""
        random = tuple(score for name, score in scores.items() if name.startswith("random"))
        return cls(random, scores[GAUSSIAN], scores[EDGES])

    @property
    def mean(self) -> float:
        """Of the random maps."""
        return statistics.fmean(self.random)

    @property
    def sd(self) -> float:
        """Sample standard deviation of the random maps."""
        return statistics.stdev(self.random) if len(self.random) > 1 else 0.0

    @property
    def low(self) -> float:
        """Where the band of the controls begins."""
        return min(self.mean - WIDTH * self.sd, self.gaussian, self.edges)

    @property
    def high(self) -> float:
        """Where the band of the controls ends."""
        return max(self.mean + WIDTH * self.sd, self.gaussian, self.edges)

    def best(self, better: Better) -> tuple[str, float]:
        """The control that does best, and its score."""
        side = 1 if better == "higher" else -1
        scores = {
            "random maps": self.mean + side * WIDTH * self.sd,
            f"the {GAUSSIAN}": self.gaussian,
            f"the {EDGES}": self.edges,
        }
        name = max(scores, key=lambda key: side * scores[key])
        return name, scores[name]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "random": [number(value) for value in self.random],
            "random_mean": number(self.mean),
            "random_sd": number(self.sd),
            GAUSSIAN.replace(" ", "_"): number(self.gaussian),
            EDGES.replace(" ", "_"): number(self.edges),
        }


@dataclass(frozen=True)
class Verdict:
    """Words, and whether the number supports the method (None: it can do neither)."""

    words: str
    supports: bool | None


def judge(value: float, control_scores: ControlScores, better: Better) -> Verdict:
    """A number beside its controls. It supports the method only beyond all of them.

    >>> judge(0.5, ControlScores((0.1, 0.2), 0.3, 0.2), "higher").words
    'better than every control'
    """
    if not math.isfinite(value):
        return Verdict("not a number: the map cannot be measured", False)
    name, best = control_scores.best(better)
    ahead = value > best if better == "higher" else value < best
    if ahead:
        return Verdict("better than every control", True)
    behind = value < control_scores.low if better == "higher" else value > control_scores.high
    if behind:
        return Verdict("worse than every control", False)
    reached = f"{name} reach{'' if name.endswith('s') else 'es'} {best:.3g}"
    return Verdict(f"inside the band of the controls ({reached})", False)


def judge_all(
    values: Mapping[str, float], control_scores: Mapping[str, ControlScores], better: Better
) -> Verdict:
    """Several variants of one number (two substrates): the verdict is for the method only if all are."""
    found = {name: judge(value, control_scores[name], better) for name, value in values.items()}
    if len({verdict.words for verdict in found.values()}) == 1 or len(found) == 1:
        return next(iter(found.values()))
    ahead = [name for name, verdict in found.items() if verdict.supports]
    if not ahead:
        return next(v for v in found.values() if v.words.startswith("inside"))
    return Verdict(f"better than every control on {_and(ahead)} only: it depends on what hides a cell", False)


def number(value: float) -> float | None:
    """A number as JSON can hold it: None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def _and(words: Iterable[str]) -> str:
    return " and ".join(words)
