"""ROAD: pixels are not painted over but filled in from their neighbors, so a mask leaves no shape behind.

Rong et al. 2022, "A consistent and efficient evaluation strategy for attribution methods", arXiv:2202.00449.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.attribution.checks.check_registry import check_of_maps
from deepdream.attribution.checks.context import CheckContext, Measurement
from deepdream.attribution.checks.maps import from_cells, order_of_cells, to_cells
from deepdream.tensors import generator

SHARES = (0.2, 0.4, 0.6, 0.8)
NOISE = 0.01


def impute(
    image: Tensor, missing: Tensor, *, noise: float = NOISE, seed: int = 0, tolerance: float = 1e-3
) -> Tensor:
    """Pictures (B, C, H, W) whose ``missing`` pixels (B, 1, H, W) become the mean of their neighbors.

    The linear system (one unknown a missing pixel) is solved for all channels at once by conjugate gradient,
    to a relative residual of ``tolerance``; at the border the weights of the neighbors that exist are scaled
    to sum to 1. ``noise`` is the standard deviation of what is added to the filled pixels, so that they
    cannot be told by their smoothness. A picture of which nothing is known becomes black.
    """
    filled = _solve(image, (~missing).to(image.dtype), tolerance)
    shaken = noise * torch.randn(image.shape, generator=generator(seed)).to(image)
    return torch.where(missing, filled + shaken, image)


def _solve(image: Tensor, given: Tensor, tolerance: float) -> Tensor:
    """The picture with the pixels filled in where ``given`` (B, 1, H, W) is 0."""
    free = (1 - given).expand_as(image)
    known = image * given
    weight = _around(torch.ones_like(image[:1, :1]))

    def laplacian(x: Tensor) -> Tensor:
        return free * (weight * x - _around(x))

    height, width = known.shape[-2:]
    if min(height, width) < 8:
        guess = known.sum((-2, -1), keepdim=True) / given.sum((-2, -1), keepdim=True).clamp(min=1)
    else:
        # Starting from the solution at half the size saves most steps: a hole is filled from its border inward.
        half = (math.ceil(height / 2), math.ceil(width / 2))
        share = F.interpolate(given, size=half, mode="area")
        color = F.interpolate(known, size=half, mode="area") / share.clamp(min=1e-6)
        filled = _solve(color, (share > 0).to(given), tolerance)
        guess = F.interpolate(filled, size=(height, width), mode="bilinear", align_corners=False)
    right = free * _around(known)
    return known + conjugate_gradient(laplacian, right, free * guess, tolerance=tolerance)


def _around(x: Tensor) -> Tensor:
    """The weighted sum of each pixel's neighbors: 1/6 beside, 1/12 at the corners, nothing outside."""
    return _beside(_beside(x).mT).mT / 12 - x / 3  # (1 2 1) by (1 2 1), without its center


def _beside(x: Tensor) -> Tensor:
    wide = F.pad(x, (1, 1))
    return wide[..., :-2] + wide[..., 2:] + 2 * x


def conjugate_gradient(
    matrix: Callable[[Tensor], Tensor], right: Tensor, x: Tensor, *, tolerance: float, most: int = 500
) -> Tensor:
    """The solution of ``matrix(x) = right`` for each picture and channel, to a relative residual of ``tolerance``."""
    residual = right - matrix(x)
    direction, power = residual, _dot(residual, residual)
    goal = tolerance**2 * _dot(right, right)
    for _ in range(most):
        if bool((power <= goal).all()):
            break
        image = matrix(direction)
        # A picture that is solved already has a residual of zero: the clamps keep it from becoming NaN.
        step = power / _dot(direction, image).clamp(min=1e-30)
        x, residual = x + step * direction, residual - step * image
        power, before = _dot(residual, residual), power
        direction = residual + power / before.clamp(min=1e-30) * direction
    return x


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((-2, -1), keepdim=True)


@check_of_maps(
    "road",
    order=300,
    each=2 * len(SHARES),
    better="higher",
    question="Does filling in the cells the map ranks first hurt more than filling in those it ranks last?",
    paper="Rong et al. 2022, ROAD, arXiv:2202.00449",
    good="(least relevant first - most relevant first) / 2: high, and higher than for every control",
    cost="8 forwards and 8 imputations a map",
)
def road_difference(context: CheckContext, heatmap: Tensor) -> Measurement:
    """Half the mean difference of the probability, least relevant removed minus most relevant removed.

    Cells are removed, not single pixels: a hole of one pixel is filled in almost perfectly by its neighbors.
    """
    order = order_of_cells(to_cells(heatmap), seed=context.seed)
    counts = [round(share * len(order)) for share in SHARES]
    images, probabilities = context.image.expand(len(counts), -1, -1, -1), {}
    for name, ranked in (("most relevant first", order), ("least relevant first", order.flip(0))):
        masks = torch.zeros(len(counts), len(order), dtype=torch.bool)
        for row, count in enumerate(counts):
            masks[row, ranked[:count]] = True
        missing = from_cells(masks.view(-1, 1, *context.grid), context.size).to(images.device)
        # Both orders get the same noise, so that only the cells differ.
        probabilities[name] = context.probabilities(impute(images, missing, seed=context.seed).clamp(0, 1))
    first, last = probabilities.values()
    return Measurement(
        {"road": float((last - first).mean() / 2)},
        {name: tuple(values.tolist()) for name, values in probabilities.items()},
    )
