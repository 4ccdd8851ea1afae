"""What an explanation is: a map with its target, its cost, and how far it keeps its own promise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Explanation:
    """One method's answer to "why this class?" for one picture.

    Attributes:
        method: Its name in the registry.
        target, label: The class explained.
        against, against_label: The class it was compared with ("why A and not B"), or None.
        heatmap: (H, W) float32 on the CPU, unscaled, of the size of the picture the network was fed.
        attribution: (3, H, W) where the method gives a value to each color channel.
        score: What was explained: logit(target), minus logit(against).
        baseline_score: The same at the baseline, for methods that promise to sum to the difference.
        completeness_error: |sum - (score - baseline_score)| / |score - baseline_score|.
        signed: Whether negative values mean evidence against.
        forwards, backwards: Pictures pushed through the network, and gradients pulled back.
        notes: Warnings in words.
        options: What was actually used: layer, baseline, samples, steps, seed.
    """

    method: str
    target: int
    label: str
    against: int | None
    heatmap: Tensor
    attribution: Tensor | None
    score: float
    baseline_score: float | None
    completeness_error: float | None
    signed: bool
    forwards: int
    backwards: int
    seconds: float
    notes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    against_label: str | None = None

    def resized(self, height: int, width: int) -> Tensor:
        """The heatmap as (height, width): averaged when it shrinks, bilinear when it grows."""
        if tuple(self.heatmap.shape) == (height, width):
            return self.heatmap
        shrinking = height <= self.heatmap.shape[0] and width <= self.heatmap.shape[1]
        values = self.heatmap[None, None]
        if shrinking:
            return F.interpolate(values, size=(height, width), mode="area")[0, 0]
        return F.interpolate(values, size=(height, width), mode="bilinear", align_corners=False)[0, 0]

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column of the largest value."""
        index = int(self.heatmap.argmax())
        return index // self.heatmap.shape[1], index % self.heatmap.shape[1]

    @property
    def place(self) -> str:
        """The ninth of the picture with the largest value, as ``upper left``."""
        row, column = self.peak
        height, width = self.heatmap.shape
        down = ("upper", "middle", "lower")[min(2, 3 * row // height)]
        across = ("left", "center", "right")[min(2, 3 * column // width)]
        return f"{down} {across}"

    @property
    def passes(self) -> str:
        """What it cost, in words."""
        one = self.forwards <= 1 and self.backwards <= 1
        return f"{self.forwards:,} forward and {self.backwards:,} backward {'pass' if one else 'passes'}"


def completeness_gap(total: float, score: float, baseline_score: float) -> float:
    """|total - rise| / |rise|; a rise that float32 cannot tell from nothing counts as the least it can."""
    if not math.isfinite(total):
        return math.inf
    rise = score - baseline_score
    least = 1e-7 * max(abs(score), abs(baseline_score)) or 1e-30
    return abs(total - rise) / max(abs(rise), least)
