"""Reference images that stand for absence, and the Gaussian blur that makes one of them."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from deepdream.attribution.question import Baseline
from deepdream.errors import UnknownNameError
from deepdream.tensors import generator


def make_baseline(image: Tensor, name: str, seed: int = 0) -> Tensor:
    """(1, 3, H, W): black, white, the picture's mean color, its blur, or uniform noise.

    Raises:
        UnknownNameError: another name.
    """
    if name == "black":
        return torch.zeros_like(image)
    if name == "white":
        return torch.ones_like(image)
    if name == "mean":
        return image.mean(dim=(-2, -1), keepdim=True).expand_as(image).clone()
    if name == "blur":
        return blur(image, sigma=max(image.shape[-2:]) / 12)
    if name == "noise":
        return torch.rand(image.shape, generator=generator(seed)).to(image)
    raise UnknownNameError("baseline", name, get_args(Baseline))


def blur(image: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of (..., H, W) with the edges repeated; ``sigma`` in pixels, 0 returns a copy."""
    if sigma <= 0:
        return image.clone()
    height, width = image.shape[-2:]
    return _blur_rows(_blur_rows(image, sigma, height).mT, sigma, width).mT


def _blur_rows(image: Tensor, sigma: float, size: int) -> Tensor:
    # One dense matrix along an axis: exact at every sigma, also beyond the picture's size.
    radius = max(1, round(4 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    positions = torch.arange(size, device=image.device)[:, None] + offsets.long()[None]
    matrix = torch.zeros(size, size, dtype=image.dtype, device=image.device)
    matrix.scatter_add_(1, positions.clamp(0, size - 1), (weights / weights.sum()).expand(size, -1))
    return matrix @ image
