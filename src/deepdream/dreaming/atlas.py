"""What a layer sees, laid out: an activation grid of one picture, an activation atlas of many.

A grid shows the activation at every place of one picture as a direction of the layer (Olah et al. 2018, The
Building Blocks of Interpretability, Distill). An atlas takes activations from many pictures, lays them out by
t-SNE, and shows the mean of each cell of a grid over that map (Carter et al. 2019, Activation Atlas, Distill).

Other than in the paper the means are centered, not whitened: from a handful of pictures, whitened directions looked
like no part of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deepdream.dreaming.activation_samples import ActivationSamples, check_spatial
from deepdream.dreaming.source_pictures import fit_picture
from deepdream.errors import UsageError
from deepdream.images import Picture, resize
from deepdream.models import Model
from deepdream.tensors import generator

Floats = NDArray[np.float32]
_PAPER = np.array([0x15, 0x17, 0x1C], np.float32) / 255
_FEWEST = 2  # activations of a cell


@dataclass(frozen=True, eq=False)
class Tile:
    """One cell: where it stands, the direction it shows, and where that comes from.

    Attributes:
        vector: (C,), the mean of its activations.
        weight: From above 0 to 1: how large it is drawn.
        members: Which samples it is the mean of.
        classes: (label, score) of the classes its direction supports most; empty where that cannot be read off.
    """

    row: int
    column: int
    vector: Tensor
    weight: float = 1.0
    members: tuple[int, ...] = ()
    classes: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Atlas:
    """Cells in ``rows`` x ``columns`` places of one layer; an atlas leaves places empty."""

    layer: str
    rows: int
    columns: int
    tiles: tuple[Tile, ...]
    samples: ActivationSamples | None = field(default=None, repr=False)

    @property
    def directions(self) -> Tensor:
        """(tiles, C): what is visualized."""
        return torch.stack([tile.vector for tile in self.tiles])


def activation_grid(
    model: Model, picture: Picture, layer: str, *, size: int | None = None, most: int = 12
) -> Atlas:
    """The activations of ``picture`` at ``layer``, in at most ``most`` places along its longer side.

    A finer map is averaged down; ``weight`` is the length of the activation over the longest.

    Args:
        size: Longer side at which the picture is seen; the network's own input size if not given.

    Raises:
        UsageError: a layer without places, or a picture too small for it.
    """
    image = fit_picture(picture, str(size or model.preprocessing.crop)).tensor()
    activation = _spatial(model, image, layer)
    height, width = activation.shape[-2:]
    factor = min(1.0, most / max(height, width))
    pooled = F.adaptive_avg_pool2d(
        activation, (max(1, round(height * factor)), max(1, round(width * factor)))
    )[0]
    longest = float(pooled.norm(dim=0).max().clamp_min(1e-12))
    read = readout(model, layer)
    rows, columns = pooled.shape[-2:]
    tiles = tuple(
        Tile(
            y,
            x,
            pooled[:, y, x],
            float(pooled[:, y, x].norm()) / longest,
            (),
            _classes(model, read, pooled[:, y, x]),
        )
        for y in range(rows)
        for x in range(columns)
    )
    return Atlas(layer, rows, columns, tiles)


def activation_atlas(
    model: Model, samples: ActivationSamples, *, grid: int = 10, seed: int = 0, perplexity: float = 30.0
) -> Atlas:
    """The atlas of ``samples``: laid out, averaged in ``grid`` x ``grid`` cells, those with one sample left out.

    ``weight`` is the square root of a cell's count over the largest.

    Raises:
        UsageError: too few samples.
    """
    centered = samples.activations - samples.activations.mean(dim=0)
    cells = grid_members(lay_out(samples.activations, seed=seed, perplexity=perplexity), grid)
    most = max(len(members) for members in cells.values())
    read = readout(model, samples.layer)
    tiles = []
    for (row, column), members in sorted(cells.items()):
        chosen = list(members)
        classes = _classes(model, read, samples.activations[chosen].mean(dim=0))
        weight = (len(members) / most) ** 0.5
        tiles.append(Tile(row, column, centered[chosen].mean(dim=0), weight, members, classes))
    return Atlas(samples.layer, grid, grid, tuple(tiles), samples)


def lay_out(activations: Tensor, *, seed: int = 0, perplexity: float = 30.0) -> NDArray[np.float64]:
    """(N, 2) points in [0, 1]: t-SNE of the centered unit activations, neighbors near each other.

    Source: van der Maaten, Hinton 2008; started from the principal components. A hundredth of the points on each
    side is drawn in to the border, so that a few far ones do not leave the map empty.

    Raises:
        UsageError: fewer than 8 activations.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    count = len(activations)
    if count < 8:
        raise UsageError(
            f"An atlas needs at least 8 activations, not {count}. Give more pictures or --samples."
        )
    unit = F.normalize(activations - activations.mean(dim=0), dim=1).double().numpy()
    reduced = PCA(min(50, count - 1, unit.shape[1]), random_state=seed).fit_transform(unit)
    perplexity = min(perplexity, (count - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(reduced)
    low, high = np.percentile(points, (1, 99), axis=0)
    spread: NDArray[np.float64] = np.clip((points - low) / np.maximum(high - low, 1e-12), 0, 1)
    return spread


def grid_members(
    points: NDArray[np.float64], grid: int, *, fewest: int = _FEWEST
) -> dict[tuple[int, int], tuple[int, ...]]:
    """Which points (N, 2) in [0, 1] lie in each cell (row, column) of a grid; cells with few are left out.

    The first coordinate runs to the right, the second down. Where no cell has ``fewest``, all are kept.
    """
    cells: dict[tuple[int, int], list[int]] = {}
    for number, (x, y) in enumerate(points):
        cell = (min(int(y * grid), grid - 1), min(int(x * grid), grid - 1))
        cells.setdefault(cell, []).append(number)
    filled = {cell: tuple(members) for cell, members in cells.items() if len(members) >= fewest}
    return filled or {cell: tuple(members) for cell, members in cells.items()}


def readout(model: Model, layer: str) -> tuple[Tensor, Tensor] | None:
    """Weights (classes, C) and bias of the classes, if the logits are linear in the layer's mean over places.

    So it is at the last spatial layer of networks that end in a mean and one linear layer; whether it is so here
    is tried on noise and not read off the network. None elsewhere.
    """
    linear = [part for part in model.module.modules() if isinstance(part, nn.Linear)]
    if not linear or linear[-1].in_features != model.layer(layer).channels:
        return None
    noise = torch.rand(1, model.channels, *model.preprocessing.size, generator=generator(0))
    with torch.no_grad():
        outputs = model.activations(noise, [layer, "logits"])
        weights = linear[-1].weight.detach().float().cpu()
        bias = (
            torch.zeros(len(weights)) if linear[-1].bias is None else linear[-1].bias.detach().float().cpu()
        )
        read = weights @ outputs[layer][0].flatten(1).mean(dim=1).cpu() + bias
    logits = outputs["logits"][0].cpu()
    same = read.shape == logits.shape and torch.allclose(read, logits, rtol=1e-3, atol=1e-3)
    return (weights, bias) if same else None


def compose(atlas: Atlas, pictures: Sequence[Floats], *, gap: int = 2, sized: bool = True) -> Floats:
    """The mosaic, float32 (H, W, 3): every picture in its place on a dark ground, the larger the weightier.

    Args:
        pictures: (side, side, 3) in [0, 1], one for each tile.
        sized: Whether weights change the size; else all fill their places.
    """
    side = pictures[0].shape[0]
    pitch = side + gap
    canvas = np.empty((atlas.rows * pitch + gap, atlas.columns * pitch + gap, 3), np.float32)
    canvas[:] = _PAPER
    for tile, picture in zip(atlas.tiles, pictures, strict=True):
        size = max(8, round(side * (0.5 + 0.5 * tile.weight))) if sized else side
        small = resize(picture, size, size) if size != side else picture
        top, left = (gap + place * pitch + (side - size) // 2 for place in (tile.row, tile.column))
        canvas[top : top + size, left : left + size] = small
    return canvas


def _spatial(model: Model, image: Tensor, layer: str) -> Tensor:
    check_spatial(model, layer)
    smallest = model.minimum_size([layer])
    if min(image.shape[-2:]) < smallest:
        raise UsageError(f"{model.name} needs at least {smallest} pixels at {layer}. Choose a larger --size.")
    with torch.no_grad():
        return model.activations(image, [layer])[layer].float().cpu()


def _classes(
    model: Model, read: tuple[Tensor, Tensor] | None, vector: Tensor
) -> tuple[tuple[str, float], ...]:
    if read is None:
        return ()
    logits = read[0] @ vector + read[1]
    values, indexes = logits.topk(min(3, len(logits)))
    return tuple((model.label(int(i)), float(v)) for i, v in zip(indexes, values, strict=True))


def seen_as(
    model: Model, samples: ActivationSamples, members: Sequence[int], top: int = 3
) -> list[tuple[str, float]]:
    """The classes that the network gave to the crops behind ``members``, by mean probability."""
    mean = samples.probabilities[samples.crops[list(members)]].mean(dim=0)
    values, indexes = mean.topk(min(top, len(mean)))
    return [(model.label(int(i)), float(v)) for i, v in zip(indexes, values, strict=True)]


def as_json(atlas: Atlas) -> list[dict[str, Any]]:
    """Every tile's place, weight, count and classes."""
    return [
        {"row": tile.row, "column": tile.column, "weight": round(tile.weight, 4), "count": len(tile.members),
         "classes": [{"label": label, "score": round(score, 4)} for label, score in tile.classes]}
        for tile in atlas.tiles
    ]  # fmt: skip
