"""What a number is worth beside the numbers of control maps, which do not depend on the network."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deepdream.attribution.checks.maps import EDGES, GAUSSIAN

Better = Literal["higher", "lower"]

#: Standard deviations around the mean of the random maps within which a score counts as random.
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

    @classmethod
    def by_variant(cls, controls: Mapping[str, Mapping[str, float]]) -> dict[str, ControlScores]:
        """From the numbers of each control by variant: for each variant the scores of all controls."""
        variants = next(iter(controls.values()))
        return {v: cls.of({name: values[v] for name, values in controls.items()}) for v in variants}

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
        """The lowest score that a control may reach."""
        return min(self.mean - WIDTH * self.sd, self.gaussian, self.edges)

    @property
    def high(self) -> float:
        """The highest score that a control may reach."""
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
    """Several variants of one number (two substrates): the verdict supports the method only if all do."""
    verdicts = {name: judge(value, control_scores[name], better) for name, value in values.items()}
    if len({verdict.words for verdict in verdicts.values()}) == 1:
        return next(iter(verdicts.values()))
    ahead = [name for name, verdict in verdicts.items() if verdict.supports]
    if not ahead:
        # One variant is worse than every control, another inside: the milder word, for neither supports the method.
        return next(v for v in verdicts.values() if v.words.startswith("inside"))
    words = f"better than every control on {' and '.join(ahead)} only: it depends on what hides a cell"
    return Verdict(words, False)


def number(value: float) -> float | None:
    """The number, or None where it is not finite: JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
