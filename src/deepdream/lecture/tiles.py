"""Tiles of pictures and what a network makes of them: the features that t-SNE lays out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepdream.errors import UsageError
from deepdream.images import read_picture, resize
from deepdream.images.formats import read_suffixes

if TYPE_CHECKING:
    from deepdream.models import Model

__all__ = ["Tiles", "cut_tiles", "pooled_features"]

INPUT_SIZE = 128  # pixels to a side, as the network gets them
BATCH = 40


@dataclass(frozen=True)
class Tiles:
    """Square cuttings of pictures: ``pixels`` float32 (n, S, S, 3) in [0, 1], and the picture of each."""

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def raw(self) -> NDArray[np.float64]:
        """The pixels as plain features, (n, 3 S S)."""
        return self.pixels.reshape(len(self.pixels), -1).astype(np.float64)


def cut_tiles(folder: str | Path, *, per_picture: int = 40, side: int = 96, seed: int = 0) -> Tiles:
    """Square tiles at random positions in every picture, ``per_picture`` of each; they may overlap.

    Pictures smaller than a tile are skipped.

    >>> from deepdream.images import write_picture
    >>> for name in "ab":
    ...     write_picture(f"{name}.png", np.zeros((32, 32, 3), np.float32))
    >>> cut_tiles(".", per_picture=5, side=16).pixels.shape
    (10, 16, 16, 3)
    """
    paths = _pictures_in(Path(folder))
    # Sorted paths and one generator: the same folder gives the same tiles on every machine.
    rng = np.random.default_rng(seed)
    pictures = [(path.stem, read_picture(path).pixels) for path in paths]
    large = [(name, pixels) for name, pixels in pictures if min(pixels.shape[:2]) >= side]
    if len(large) < 2 or per_picture < 5:
        raise UsageError(
            f"{folder}: {len(large)} pictures of at least {side} x {side} pixels and {per_picture} tiles of each; "
            "at least 2 pictures and 5 tiles are needed."
        )
    # Overlapping tiles are accepted: otherwise a small picture could not give as many as the others.
    tiles = [_cut(rng, pixels, side) for _, pixels in large for _ in range(per_picture)]
    labels = np.repeat(np.arange(len(large)), per_picture)
    return Tiles(np.stack(tiles), labels, tuple(name for name, _ in large))


def _pictures_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"No folder {str(folder)!r} here. Give 'digits', 'tiles' or a folder of pictures.")
    suffixes = read_suffixes()
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)


def _cut(rng: np.random.Generator, pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    top, left = (int(rng.integers(length - side + 1)) for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def pooled_features(tiles: Tiles, model: Model, layer: str | None = None) -> Iterator[NDArray[np.float64]]:
    """The activations of ``layer`` for each tile, averaged over positions: (batch, channels), batch after batch.

    Tiles are enlarged to 128 x 128 for the network. No layer means the last one that has positions.

    >>> from deepdream.models import load_model
    >>> tiles = Tiles(np.zeros((2, 16, 16, 3), np.float32), np.arange(2), ("a", "b"))
    >>> next(pooled_features(tiles, load_model("efficientnet_lite0"), "blocks.0")).shape
    (2, 16)
    """
    chosen = layer or last_spatial_layer(model)
    # An unknown layer is an error now, not in the middle of the batches.
    model.layer(chosen)  # an unknown name is an error now, not at the first batch
    return (_pooled(tiles.pixels[i : i + BATCH], model, chosen) for i in range(0, len(tiles.pixels), BATCH))


def last_spatial_layer(model: Model) -> str:
    """The deepest of the network's main layers that still has a map of positions: just before the pooling."""
    return [layer.name for layer in model.layers.values() if layer.spatial and layer.main][-1]


def _pooled(pixels: NDArray[np.float32], model: Model, layer: str) -> NDArray[np.float64]:
    import torch

    # Small tiles would shrink to nothing in the last layers.
    inputs = np.stack([resize(tile, INPUT_SIZE, INPUT_SIZE) for tile in pixels]).transpose(0, 3, 1, 2)
    with torch.no_grad():
        maps = model.activations(torch.from_numpy(inputs.copy()).to(model.device), [layer])[layer]
    pooled: NDArray[np.float64] = maps.flatten(2).mean(dim=2).double().cpu().numpy()
    return pooled
