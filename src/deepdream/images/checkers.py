"""The checkered ground on which transparent pictures are shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdream.images.scaling import Floats

_LIGHT, _DARK = 0.93, 0.76


def on_checkers(pixels: NDArray[Any], alpha: NDArray[Any]) -> Floats:
    """``pixels`` ``(H, W, 3)`` of opacity ``alpha`` ``(H, W)``, laid on squares of two grays, float32.

    Sixteen squares span the shorter side.
    """
    height, width = alpha.shape
    side = max(1, min(height, width) // 16)
    rows, columns = np.arange(height)[:, None] // side, np.arange(width) // side
    ground = np.where((rows + columns) % 2 == 0, _LIGHT, _DARK)[..., None]
    cover = alpha[..., None]
    laid: Floats = (cover * pixels + (1 - cover) * ground).astype(np.float32)
    return laid


def unlaid(pixels: NDArray[Any], alpha: NDArray[Any]) -> Floats:
    """The colors of a picture that was laid on white, as ``read_picture`` does; white where nothing is left of them."""
    cover = alpha[..., None]
    colors = (pixels - (1 - cover)) / np.maximum(cover, 1e-6)
    result: Floats = np.where(cover > 0, colors, pixels).clip(0, 1).astype(np.float32)
    return result
