"""Heatmaps on a coarse grid, the order of their cells, and control maps, which do not depend on the network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.tensors import generator

#: Cells along each side of a picture: 16 pixels each at 224.
CELLS = 14
SEEDS = 5
GAUSSIAN = "centered blob"
EDGES = "edge detector"


def to_cells(heatmap: Tensor, side: int = CELLS) -> Tensor:
    """(H, W) -> float64 (h, w), the mean of each cell; never more cells than pixels."""
    # On the CPU in float64: the order of nearly equal cells must not depend on the device.
    grid = grid_of(heatmap, side)
    return F.adaptive_avg_pool2d(heatmap.detach().cpu().double()[None, None], grid)[0, 0]


def from_cells(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., h, w) -> (..., H, W), every cell as a block."""
    rows = torch.arange(size[0], device=cells.device) * cells.shape[-2] // size[0]
    columns = torch.arange(size[1], device=cells.device) * cells.shape[-1] // size[1]
    return cells[..., rows[:, None], columns]


def grid_of(heatmap: Tensor, side: int = CELLS) -> tuple[int, int]:
    """How many cells a picture of this size is cut into, as (rows, columns)."""
    height, width = heatmap.shape[-2:]
    return min(side, height), min(side, width)


def order_of_cells(cells: Tensor, *, seed: int = 0) -> Tensor:
    """The indexes of the cells, the most important first; ties are broken at random, not by position.

    Maps cut off at zero have many ties: taken in reading order, they would all begin at the top left.

    >>> order_of_cells(torch.tensor([[1.0, 3.0], [2.0, 0.0]])).tolist()
    [1, 2, 0, 3]
    """
    values = cells.flatten()
    shuffled = torch.randperm(values.numel(), generator=generator(seed))
    return shuffled[values[shuffled].argsort(descending=True, stable=True)]


def control_maps(image: Tensor, *, seed: int = 0, seeds: int = SEEDS) -> Mapping[str, Tensor]:
    """Maps (H, W) that do not depend on the network: random ones, a centered Gaussian, an edge detector."""
    controls = {f"random {i + 1}": random_map(image, seed=seed * 1000 + i) for i in range(seeds)}
    return MappingProxyType(controls | {GAUSSIAN: gaussian_map(image), EDGES: edge_map(image)})


def random_map(image: Tensor, *, seed: int) -> Tensor:
    """One uniform number in [0, 1) for each cell of a picture."""
    # By cells, not by pixels: averaged over a cell, random pixels are nearly flat.
    values = torch.rand(grid_of(image), generator=generator(seed))
    return from_cells(values, _size(image))


def gaussian_map(image: Tensor) -> Tensor:
    """A blob in the middle, as wide as a quarter of the shorter side: where photographers put the thing."""
    height, width = _size(image)
    sigma = min(height, width) / 4
    y, x = (torch.arange(side, dtype=torch.float32) - (side - 1) / 2 for side in (height, width))
    return torch.exp(-0.5 * (y[:, None] ** 2 + x[None] ** 2) / sigma**2)


def edge_map(image: Tensor) -> Tensor:
    """The length of the Sobel gradient of the picture's luminance (Rec. 601), edges repeated."""
    red, green, blue = image[0].detach().cpu().float()
    luminance = F.pad((0.299 * red + 0.587 * green + 0.114 * blue)[None, None], (1, 1, 1, 1), "replicate")
    across = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    both = F.conv2d(luminance, torch.stack((across, across.T))[:, None])[0]
    return torch.hypot(both[0], both[1])


def _size(image: Tensor) -> tuple[int, int]:
    height, width = image.shape[-2:]
    return height, width
