"""Changing the size of pictures and details of pictures."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """(B, C, H, W) at another size: bicubic, antialiased when shrinking; unchanged at the same size."""
    if image.shape[-2:] == (height, width):
        return image
    return F.interpolate(image, size=(height, width), mode="bicubic", antialias=True, align_corners=False)


def resize_picture(image: Tensor, height: int, width: int) -> Tensor:
    """As ``resize``, kept in [0, 1] (bicubic overshoots at edges)."""
    return resize(image, height, width).clamp(0, 1)
