"""How far a picture is from another: root mean square, and structural similarity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.gradient_filters import gaussian_kernel
from deepdream.ascent.tiling import Box, blocks
from deepdream.tensors import doubled

_RADIUS = 5
_BLOCK = 1024


def structural_similarity(one: Tensor, other: Tensor) -> float:
    """The mean structural similarity of two pictures (B, 3, H, W) in [0, 1], seen in gray: 1 is the same.

    Wang, Bovik, Sheikh, Simoncelli 2004, Image Quality Assessment: From Error Visibility to Structural Similarity:
    a Gaussian window of 11x11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03; only windows that lie wholly in the
    picture count, as in the authors' program. A picture of fewer than 11 pixels a side is one window.
    """
    height, width = one.shape[-2:]
    down, right = min(_RADIUS, (height - 1) // 2), min(_RADIUS, (width - 1) // 2)
    total, count = 0.0, 0
    for core in blocks(height - 2 * down, width - 2 * right, _BLOCK):
        margin = Box(core.top, core.bottom + 2 * down, core.left, core.right + 2 * right)
        values = _similarities(_gray(margin.of(one)), _gray(margin.of(other)), down, right)
        total, count = total + float(values.sum()), count + values.numel()
    return total / count


def _gray(image: Tensor) -> Tensor:
    """The luma of Rec. 601, as MATLAB's rgb2gray, (B, 1, H, W) in float64."""
    image = doubled(image)
    weights = torch.tensor((0.299, 0.587, 0.114), dtype=torch.float64, device=image.device)
    return (image * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _similarities(one: Tensor, other: Tensor, down: int, right: int) -> Tensor:
    def mean(values: Tensor) -> Tensor:
        for line, shape in ((_line(down), (1, 1, -1, 1)), (_line(right), (1, 1, 1, -1))):
            values = F.conv2d(values, line.to(values).view(shape))
        return values

    first, second = mean(one), mean(other)
    variance = (mean(one * one) - first * first) + (mean(other * other) - second * second)
    covariance = mean(one * other) - first * second
    steady, stable = 0.01**2, 0.03**2
    likeness = (2 * first * second + steady) * (2 * covariance + stable)
    return likeness / ((first * first + second * second + steady) * (variance + stable))


def _line(radius: int) -> Tensor:
    return gaussian_kernel(1.5, radius=radius).double() if radius else torch.ones(1, dtype=torch.float64)
