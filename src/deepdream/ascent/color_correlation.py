"""Colors as photographs have them: the correlation of R, G and B, and how to remove it.

In natural pictures the three channels move together. A gradient does not keep that correlation and gives neon colors;
multiplied by the correlation's square root it prefers gray changes, as photographs do.

Source: Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill; numbers from ImageNet as in lucid
(optvis/param/color.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

_SQUARE_ROOT = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


def correlation_root() -> Tensor:
    """(3, 3): its columns are the decorrelated axes, scaled so that the longest has length 1."""
    root = torch.tensor(_SQUARE_ROOT, dtype=torch.float64)
    scaled: Tensor = root / root.norm(dim=0).max()
    return scaled.float()


def correlate(image: Tensor) -> Tensor:
    """From decorrelated axes to RGB, for (B, 3, H, W)."""
    return mix_channels(image, correlation_root())


def decorrelate(image: Tensor) -> Tensor:
    """From RGB to decorrelated axes, for (B, 3, H, W); the inverse of ``correlate``."""
    return mix_channels(image, torch.linalg.inv(correlation_root().double()).float())


def mix_channels(image: Tensor, matrix: Tensor) -> Tensor:
    """Every pixel (3,) multiplied by ``matrix`` (3, 3)."""
    # Not a 1x1 convolution: for three channels it pads them to sixteen.
    mixed: Tensor = matrix.to(image) @ image.flatten(2)
    return mixed.view(image.shape)
