"""Cutting a picture into regions that belong together."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cells(size: tuple[int, int], rows: int, columns: int) -> Tensor:
    """(H, W) of numbers from 0: a grid of rectangles."""
    height, width = size
    row = torch.arange(height) * rows // height
    column = torch.arange(width) * columns // width
    return row[:, None] * columns + column[None]


def superpixels(image: Tensor, count: int, *, compactness: float = 0.6, rounds: int = 8) -> Tensor:
    """(H, W) of numbers from 0: about ``count`` regions of similar color and place, on the picture's device.

    k-means on color and position, started on a grid: Achanta et al. 2012, SLIC, DOI 10.1109/TPAMI.2012.120.
    Deviation: colors stay RGB, and every pixel looks at every center, which is fast enough at these sizes.
    A picture is never cut into more regions than it has pixels.
    """
    height, width = image.shape[-2:]
    rows = max(1, min(height, round(math.sqrt(count * height / width))))
    columns = max(1, min(width, round(count / rows)))
    labels = cells((height, width), rows, columns).flatten()
    # A region for each pixel: k-means would have nothing to move.
    if rows * columns >= height * width:
        return labels.reshape(height, width).to(image.device)
    points = _points(image, compactness * math.sqrt(rows * columns / (height * width)))
    for _ in range(rounds):
        labels = torch.cdist(points, _centers(points, labels)).argmin(dim=1)
        # A center may lose all its pixels; the numbers stay without gaps.
        labels = torch.unique(labels, return_inverse=True)[1]
    return labels.reshape(height, width).to(image.device)


def _points(image: Tensor, nearness: float) -> Tensor:
    """(pixels, 5): color, and place in units that weigh as much as color."""
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.stack([y, x]).flatten(1).float() * nearness
    return torch.cat([image[0].cpu().float().flatten(1), place]).T.contiguous()


def _centers(points: Tensor, labels: Tensor) -> Tensor:
    count = int(labels.max()) + 1
    sums = torch.zeros(count, points.shape[1]).index_add_(0, labels, points)
    return sums / torch.bincount(labels, minlength=count)[:, None]


def count_of(segments: Tensor) -> int:
    """How many regions there are."""
    return int(segments.max()) + 1
