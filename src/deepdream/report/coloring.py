"""One color rule a family: signed maps diverge about zero, unsigned ones go from dark to bright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepdream.figures import Theme

#: The share of the pixels that the colors cover; the few beyond take the last color.
COVERED = 0.995


@dataclass(frozen=True, eq=False)
class Colored:
    """A map as a picture (H, W, 3) with its cover (H, W), and the values that the colors end at."""

    pixels: NDArray[np.float32]
    alpha: NDArray[np.float32]
    low: float
    high: float


def colored(heatmap: Tensor, *, signed: bool) -> Colored:
    """A heatmap (H, W) in the colors of its family.

    Signed: blue is evidence against, orange for, nothing at zero; limits symmetric. Unsigned: cividis from the
    smallest value. Both end at the 99.5th percentile; the numbers beyond are in the caption and the files.
    """
    values = heatmap.detach().double().cpu().nan_to_num(0, 0, 0).numpy()
    if signed:
        limit = float(np.quantile(np.abs(values), COVERED)) or float(np.abs(values).max()) or 1.0
        share = np.clip(values / limit, -1, 1)
        return Colored(_colors(Theme.LIGHT.diverging, share / 2 + 0.5), _cover(np.abs(share)), -limit, limit)
    low, high = float(values.min()), float(np.quantile(values, COVERED))
    share = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    return Colored(
        _colors(mpl.colormaps[Theme.LIGHT.sequential], share), np.ones_like(share, np.float32), low, high
    )


def bar(*, signed: bool) -> NDArray[np.float32]:
    """The colors of a family from low to high, (1, 128, 3)."""
    line = np.linspace(0, 1, 128)[None]
    return _colors(Theme.LIGHT.diverging if signed else mpl.colormaps[Theme.LIGHT.sequential], line)


def _colors(colors: Any, share: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(colors(share)[..., :3], dtype=np.float32)


def _cover(strength: NDArray[Any]) -> NDArray[np.float32]:
    # Nothing at zero, so that the picture shows where the map says nothing.
    return np.asarray(strength**0.6, dtype=np.float32)
