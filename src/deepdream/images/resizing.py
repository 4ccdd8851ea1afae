"""Changing a picture's size without aliasing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdream.errors import UsageError
from deepdream.images.scaling import Floats

_FILTER = Image.Resampling.LANCZOS


def resize(pixels: NDArray[Any], height: int, width: int) -> Floats:
    """``pixels`` ``(H, W, C)`` at another size, float32 ``(height, width, C)``, by a Lanczos filter.

    The filter widens when shrinking, so nothing aliases. Its overshoot is clipped to the range of the
    input. Works in floats: nothing is rounded to 8 bits.

    Raises:
        UsageError: a side below 1 pixel, or a shape that is not ``(H, W, C)``.
    """
    if height < 1 or width < 1:
        raise UsageError(f"A picture needs at least 1x1 pixels, not {width}x{height}.")
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise UsageError(f"The picture must have the shape (H, W, C), not {pixels.shape}.")
    source = pixels.astype(np.float32)
    channels = [_resize_channel(source[..., i], height, width) for i in range(source.shape[2])]
    return np.clip(np.stack(channels, axis=2), source.min(), source.max())


def enlarge_blocks(pixels: NDArray[Any], factor: int) -> Floats:
    """Every pixel of ``pixels`` ``(H, W, C)`` as a block of ``factor`` x ``factor``."""
    return pixels.astype(np.float32).repeat(factor, axis=0).repeat(factor, axis=1)


def _resize_channel(channel: Floats, height: int, width: int) -> Floats:
    image = Image.fromarray(np.ascontiguousarray(channel))
    return np.asarray(image.resize((width, height), _FILTER), dtype=np.float32)
