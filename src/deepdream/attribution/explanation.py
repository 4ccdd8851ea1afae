"""What an explanation is: a map with its target, its cost, and its completeness error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from deepdream.attribution.baselines import blur
from deepdream.attribution.question import Question

#: Colors reach their limit at this quantile of the absolute values, so that one pixel does not hide the rest.
QUANTILE = 0.995


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
        options: Those that were used: layer, baseline and seed where the method read them, and its own.
        question: What was asked, as it was asked: with ``auto`` for a layer that was chosen.
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
    question: Question = field(default_factory=Question)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the map itself, ready for JSON; numbers that are not finite are None."""
        row, column = self.peak
        values = self.heatmap
        return {
            "method": self.method,
            "target": self.target,
            "label": self.label,
            "against": self.against,
            "against_label": self.against_label,
            "score": _finite(self.score),
            "baseline_score": _finite(self.baseline_score),
            "completeness_error": _finite(self.completeness_error),
            "signed": self.signed,
            "sum": _finite(float(values.double().sum())),
            "minimum": float(values.min()),
            "maximum": float(values.max()),
            "color_limit": self.color_limit,
            "top_pixel": {"row": row, "column": column},
            "height": values.shape[0],
            "width": values.shape[1],
            "forwards": self.forwards,
            "backwards": self.backwards,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
            "options": dict(self.options),
        }

    @property
    def smoothing(self) -> float:
        """The standard deviation in pixels by which the map is drawn smoother; 0 if it has no single pixels."""
        pixels = self.attribution is not None
        return round(max(self.heatmap.shape) / 112, 1) if pixels else 0.0

    def drawn_values(self) -> NDArray[np.float32]:
        """The map (H, W) as it is drawn: single pixels are too small to be seen and are smoothed a little."""
        values = self.heatmap
        if self.smoothing:
            values = blur(values[None, None], self.smoothing)[0, 0]
        return values.numpy()

    @property
    def color_limit(self) -> float:
        """The value that is drawn with the strongest color."""
        values = np.abs(self.drawn_values())
        return float(np.quantile(values, QUANTILE)) or float(values.max()) or 1.0

    def resized(self, height: int, width: int) -> Tensor:
        """The heatmap as (height, width): averaged when it shrinks, bilinear when it grows."""
        if tuple(self.heatmap.shape) == (height, width):
            return self.heatmap
        shrinking = height <= self.heatmap.shape[0] and width <= self.heatmap.shape[1]
        values = self.heatmap[None, None]
        # Bilinear sampling would skip most pixels of a map that shrinks.
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


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def completeness_gap(total: float, score: float, baseline_score: float) -> float:
    """|total - rise| / |rise|; a rise that float32 cannot tell from nothing counts as the least it can."""
    if not math.isfinite(total):
        return math.inf
    rise = score - baseline_score
    # 1e-7 is the resolution of float32: a smaller rise is rounding, and any sum would be infinitely wrong.
    least = 1e-7 * max(abs(score), abs(baseline_score)) or 1e-30
    return abs(total - rise) / max(abs(rise), least)
