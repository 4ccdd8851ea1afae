"""How far two heatmaps agree: ranks, their tops, and their structure. All on 14 x 14 cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.attribution.checks.maps import to_cells

#: The share of the cells that counts as a map's top.
TOP = 0.1


@dataclass(frozen=True)
class Similarity:
    """Two maps compared.

    Attributes:
        spearman: Rank correlation of the signed values, -1 to 1.
        absolute: The same of the magnitudes.
        top: The tenth of the cells that each ranks first: intersection over union, 0 to 1.
        ssim: Structural similarity of the maps scaled to 0..1.
    """

    spearman: float
    absolute: float
    top: float
    ssim: float


def compare(first: Tensor, second: Tensor) -> Similarity:
    """Two heatmaps (H, W), of any sizes, compared on their cells."""
    a, b = to_cells(first), to_cells(second)
    return Similarity(spearman(a, b), spearman(a.abs(), b.abs()), top_overlap(a, b), ssim(a, b))


def spearman(first: Tensor, second: Tensor) -> float:
    """Spearman's rank correlation; ties share their mean rank; 0 where a map is constant.

    >>> spearman(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0, 20.0, 40.0]))
    1.0
    """
    a, b = (ranks(values) for values in (first, second))
    a, b = a - a.mean(), b - b.mean()
    length = float((a.square().sum() * b.square().sum()).sqrt())
    # Rounded: two equal maps would correlate by 0.9999999999999998.
    return round(float((a * b).sum()) / length, 12) if length > 0 else 0.0


def ranks(values: Tensor) -> Tensor:
    """The rank of each value, from 0; equal values share the mean of theirs."""
    flat = values.flatten().double()
    _, inverse, counts = torch.unique(flat, return_inverse=True, return_counts=True)
    # The last rank of each value, less half of its repetitions.
    middle: Tensor = counts.cumsum(0).double() - (counts.double() + 1) / 2
    return middle[inverse]


def top_overlap(first: Tensor, second: Tensor, share: float = TOP) -> float:
    """Intersection over union of the cells that each map ranks among its first ``share``."""
    count = max(1, round(share * first.numel()))
    a, b = (set(values.flatten().topk(count).indices.tolist()) for values in (first, second))
    return len(a & b) / len(a | b)


def ssim(first: Tensor, second: Tensor) -> float:
    """Mean structural similarity with a Gaussian window (7 cells, sigma 1.5); maps scaled to 0..1.

    Source: Wang et al. 2004, doi:10.1109/TIP.2003.819861. The window has 7 cells, not 11, for maps of 14.
    """
    # Scaled to 0..1, or the constants that keep the quotients finite would mean something else for each map.
    pair = torch.stack([_unit(first), _unit(second)])[:, None]
    side = min(7, *first.shape)
    window = _window(side)

    def smooth(values: Tensor) -> Tensor:
        return F.conv2d(values, window)

    mean = smooth(pair)
    variance = smooth(pair.square()) - mean.square()
    covariance = smooth((pair[0] * pair[1])[None])[0] - mean[0] * mean[1]
    luminance = (2 * mean[0] * mean[1] + 1e-4) / (mean[0].square() + mean[1].square() + 1e-4)
    structure = (2 * covariance + 9e-4) / (variance[0] + variance[1] + 9e-4)
    return float((luminance * structure).mean())


def _unit(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return (values.double() - low) / (high - low) if high > low else torch.zeros_like(values).double()


def _window(side: int) -> Tensor:
    offsets = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    line = torch.exp(-0.5 * (offsets / 1.5) ** 2)
    square = line[:, None] * line[None]
    return (square / square.sum())[None, None]


@dataclass(frozen=True)
class Agreement:
    """Every pair of maps compared: square matrices in the order of ``names``."""

    names: tuple[str, ...]
    spearman: tuple[tuple[float, ...], ...]
    top: tuple[tuple[float, ...], ...]
    ssim: tuple[tuple[float, ...], ...]

    def of(self, first: str, second: str) -> float:
        """Spearman's correlation of two maps by name."""
        return self.spearman[self.names.index(first)][self.names.index(second)]

    def pairs(self, names: Sequence[str]) -> dict[tuple[str, str], float]:
        """Spearman's correlation of every pair among ``names``."""
        return {(a, b): self.of(a, b) for i, a in enumerate(names) for b in names[i + 1 :]}

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        matrices = {"spearman": self.spearman, "top": self.top, "ssim": self.ssim}
        return {"names": list(self.names)} | {key: [list(r) for r in m] for key, m in matrices.items()}


def agreement(maps: Mapping[str, Tensor]) -> Agreement:
    """The pairwise similarity of heatmaps (H, W) by name."""
    names = tuple(maps)
    # One triangle of the matrix: the similarity is symmetric.
    pairs = {(a, b): compare(maps[a], maps[b]) for i, a in enumerate(names) for b in names[: i + 1]}
    table = [[pairs[(a, b) if (a, b) in pairs else (b, a)] for b in names] for a in names]
    return Agreement(
        names,
        tuple(tuple(pair.spearman for pair in row) for row in table),
        tuple(tuple(pair.top for pair in row) for row in table),
        tuple(tuple(pair.ssim for pair in row) for row in table),
    )
