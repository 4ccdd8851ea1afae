"""Changing the size of pictures and details of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def resize(image: Tensor, height: int, width: int, *, how: str = "bicubic") -> Tensor:
    """(B, C, H, W) at another size; unchanged at the same size.

    ``bicubic`` is antialiased when shrinking. ``linear`` puts the corner pixels onto each other and is not
    antialiased: what ``scipy.ndimage.zoom`` of order 1 does, which the first notebook used.
    """
    if image.shape[-2:] == (height, width):
        return image
    if how == "linear":
        return F.interpolate(image, size=(height, width), mode="bilinear", align_corners=True)
    # Without antialiasing a strongly reduced photograph gets false textures, which the dream then amplifies.
    return F.interpolate(image, size=(height, width), mode="bicubic", antialias=True, align_corners=False)


def resize_picture(image: Tensor, height: int, width: int) -> Tensor:
    """As ``resize`` by ``bicubic``, kept in [0, 1] (it overshoots at edges)."""
    return resize(image, height, width).clamp(0, 1)


def shrink_through(image: Tensor, sizes: Sequence[tuple[int, int]], *, how: str) -> Tensor:
    """``image`` at the last of ``sizes``.

    ``bicubic`` goes there at once; ``linear`` passes through every size, as the first notebook makes its octaves.
    """
    for height, width in sizes if how == "linear" else sizes[-1:]:
        image = resize(image, height, width, how=how)
    return image.clamp(0, 1)
