"""One color rule a family: maps with both signs diverge about zero, the others go from dark to bright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepdream.attribution import Explanation
from deepdream.figures import Theme

#: The share of the pixels that the colors cover; the few beyond take the last color.
COVERED = 0.99


@dataclass(frozen=True, eq=False)
class Colored:
    """A map as a picture (H, W, 3), and the values that the colors end at."""

    pixels: NDArray[np.float32]
    low: float
    high: float


def colored(heatmap: Tensor, *, signed: bool) -> Colored:
    """A heatmap (H, W) in the colors of its family.

    Both signs: blue is evidence against, white nothing, orange evidence for; limits symmetric. One sign only,
    whether or not the method could have had two: cividis from the smallest value. Both end at the 99th percentile.
    """
    values = heatmap.detach().double().cpu().nan_to_num(0, 0, 0).numpy()
    if signed and values.min() < 0 < values.max():
        limit = float(np.quantile(np.abs(values), COVERED)) or float(np.abs(values).max()) or 1.0
        share = np.clip(values / limit, -1, 1)
        return Colored(_colors(Theme.LIGHT.diverging, share / 2 + 0.5), -limit, limit)
    low, high = float(values.min()), float(np.quantile(values, COVERED))
    share = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    return Colored(_colors(mpl.colormaps[Theme.LIGHT.sequential], share), low, high)


def drawn_map(explanation: Explanation) -> Colored:
    """An explanation in its colors; maps of single pixels are smoothed for the eye, as ``explain`` draws them."""
    return colored(torch.from_numpy(explanation.drawn_values()), signed=explanation.signed)


def bar(*, signed: bool) -> NDArray[np.float32]:
    """The colors of a family from low to high, (1, 128, 3)."""
    line = np.linspace(0, 1, 128)[None]
    return _colors(Theme.LIGHT.diverging if signed else mpl.colormaps[Theme.LIGHT.sequential], line)


def _colors(colors: Any, share: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(colors(share)[..., :3], dtype=np.float32)
