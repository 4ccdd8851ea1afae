"""Large pictures in tiles: where they lie, how much they see, and what to do when memory runs out.

A pixel's gradient depends on the units that see it, and those on all the pixels they see. So a tile is a core,
whose gradient is kept, in a halo, which is only looked at. With a halo of the receptive field less one the
gradient is that of the whole picture; with less it is nearly so, and a new random grid at every step lets no
seam appear (both in tests/ascent/test_tiling.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from deepdream.tensors import is_out_of_memory

#: Pictures above so many pixels are cut into tiles by default.
LARGE = 3_000_000
CORE = 1024
#: Above so many pixels the picture itself needs the memory, and tiles are smaller; they take hardly longer.
VERY_LARGE = 10_000_000
SMALLER_CORE = 768
NEAR_HALO = 64
_SMALLEST = 96


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut.

    Attributes:
        core: Side in pixels of the square whose gradient a tile gives.
        halo: Pixels it looks at around the core.
        stride: Of the layers: tiles start on this grid, so that units lie where they lie in the whole picture.
        fixed: Whether the user chose the core; it is then kept when memory runs out.
    """

    core: int
    halo: int
    stride: int = 1
    fixed: bool = False

    def halved(self) -> Tiling | None:
        """Tiles of half the core; None where they may not or cannot become smaller."""
        if self.fixed or self.core // 2 < _SMALLEST:
            return None
        return Tiling(self.core // 2, self.halo, self.stride)


@dataclass(frozen=True)
class Box:
    """Rows top to bottom and columns left to right (the ends excluded) of a picture."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, image: Tensor) -> Tensor:
        """This part of (..., H, W)."""
        return image[..., self.top : self.bottom, self.left : self.right]

    def quarters(self) -> list[Box]:
        """The same area as up to four boxes."""
        rows = _cut(self.top, self.bottom, -(-(self.bottom - self.top) // 2), 0)
        columns = _cut(self.left, self.right, -(-(self.right - self.left) // 2), 0)
        return [Box(*row, *column) for row in rows for column in columns]


def grid(height: int, width: int, core: int, chance: torch.Generator) -> list[Box]:
    """Cores that cover the picture once, on a grid with a random offset."""
    down, right = (int(torch.randint(core, (), generator=chance)) for _ in range(2))
    return [Box(*r, *c) for r in _cut(0, height, core, down) for c in _cut(0, width, core, right)]


def usual_core(height: int, width: int) -> int:
    """The side of the tiles of a picture of this size, where nobody chose one."""
    return SMALLER_CORE if height * width > VERY_LARGE else CORE


def expected_tiles(height: int, width: int, tiling: Tiling) -> tuple[float, float]:
    """How many tiles ``grid`` gives on average over its offsets, and how many pixels they see with their halos.

    Every row but the first is an edge for one of ``core`` offsets, so there are (height - 1) / core edges on
    average, at each of which two tiles look a halo farther. Halos cut off by the picture's end are counted whole.
    """
    edges = [(side - 1) / tiling.core for side in (height, width)]
    down, right = (side + 2 * tiling.halo * count for side, count in zip((height, width), edges, strict=True))
    return (1 + edges[0]) * (1 + edges[1]), down * right


def largest_tile(height: int, width: int, tiling: Tiling) -> int:
    """The most pixels that a tile can see."""
    side = tiling.core + 2 * tiling.halo + 2 * tiling.stride
    return min(height, side) * min(width, side)


def blocks(height: int, width: int, largest: int) -> list[Box]:
    """Boxes of nearly the same size, at most ``largest`` pixels a side, that cover a picture once."""
    down, right = (-(-side // -(-side // largest)) for side in (height, width))
    return [Box(*r, *c) for r in _cut(0, height, down, 0) for c in _cut(0, width, right, 0)]


def _cut(start: int, end: int, length: int, offset: int) -> list[tuple[int, int]]:
    edges = [start, *range(start + (offset or length), end, length), end]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def surroundings(core: Box, height: int, width: int, tiling: Tiling) -> Box:
    """What a tile looks at: the core and its halo, on the grid on which the network lays its units.

    A tile starts at a multiple of the stride and, unless it ends with the picture, has the picture's size modulo
    the stride: paddings that depend on the size being even or odd then fall as they do in the whole picture.
    """
    top, bottom = _span(core.top, core.bottom, height, tiling)
    left, right = _span(core.left, core.right, width, tiling)
    return Box(top, bottom, left, right)


def _span(start: int, end: int, length: int, tiling: Tiling) -> tuple[int, int]:
    step = tiling.stride
    first = max(0, (start - tiling.halo) // step * step)
    last = end + tiling.halo
    last += (length - (last - first)) % step
    return first, min(last, length)


def tiled_gradient(
    image: Tensor, tiling: Tiling, chance: torch.Generator, look: Callable[[Tensor], tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """The gradient (B, 3, H, W) and the score of a picture, tile by tile.

    ``image`` may carry further channels behind its three, which are cut alike. ``look`` gives a tile's part in the
    whole picture's gradient (B, 3, h, w), and the tile's own score; the scores' mean over the picture is returned
    (for a sum over positions, a mean of sums). Where memory runs out, what is left is cut into smaller tiles and
    the work goes on from there.

    Raises:
        RuntimeError: torch's own error, where the smallest tile is still too large.
    """
    height, width = image.shape[-2:]
    gradient = torch.empty_like(image[:, :3])
    score = torch.zeros((), device=image.device)
    for core, part, share in _looks(image, tiling, grid(height, width, tiling.core, chance), look):
        core.of(gradient).copy_(part)
        score = score + share
    return gradient, score


def _looks(
    image: Tensor, tiling: Tiling, cores: list[Box], look: Callable[[Tensor], tuple[Tensor, Tensor]]
) -> Iterator[tuple[Box, Tensor, Tensor]]:
    height, width = image.shape[-2:]
    while cores:
        core = cores[0]
        seen = surroundings(core, height, width, tiling)
        found = None
        smaller = tiling.halved()
        with suppress(_TooLargeError):
            found = _look_or_shrink(look, seen.of(image), may_shrink=smaller is not None)
        if found is None:
            assert smaller is not None
            tiling, cores = smaller, [quarter for box in cores for quarter in box.quarters()]
            continue
        part, score = found
        inside = Box(
            core.top - seen.top, core.bottom - seen.top, core.left - seen.left, core.right - seen.left
        )
        yield core, inside.of(part), score * (_area(core) / (height * width))
        cores = cores[1:]


class _TooLargeError(Exception):
    """A tile did not fit into memory, and a smaller one may be tried."""


def _look_or_shrink(
    look: Callable[[Tensor], tuple[Tensor, Tensor]], tile: Tensor, *, may_shrink: bool
) -> tuple[Tensor, Tensor]:
    try:
        return look(tile)
    except (MemoryError, RuntimeError) as error:
        if not (may_shrink and is_out_of_memory(error)):
            raise
        raise _TooLargeError from error


def _area(box: Box) -> int:
    return (box.bottom - box.top) * (box.right - box.left)
