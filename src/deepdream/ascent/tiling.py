"""Large pictures in tiles: where they lie, how far they extend, and what happens when memory runs out.

A pixel's gradient depends on the units that see it, and those on all the pixels they see. So a tile is a core,
whose gradient is kept, in a halo, which is only input. With a halo of the receptive field less one the
gradient is that of the whole picture; with less it is nearly so, and a new random grid at every step lets no
seam appear (both in tests/ascent/test_tiling.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from deepdream.tensors import give_back_memory, is_out_of_memory

#: Pictures above so many pixels are cut into tiles by default.
LARGE = 3_000_000
#: A tile sees 1280 pixels a side unless it ends with the picture: a core, and a halo on both sides, so that neighbors
#: overlap by 128.
NEAR_HALO = 64
CORE = 1280 - 2 * NEAR_HALO
#: Cores are not halved below this.
SMALLEST = 96


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
        if self.fixed or self.core // 2 < SMALLEST:
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

    @property
    def area(self) -> int:
        """How many pixels it has."""
        return (self.bottom - self.top) * (self.right - self.left)

    def quarters(self) -> list[Box]:
        """The same area as up to four boxes."""
        rows = _cut(self.top, self.bottom, -(-(self.bottom - self.top) // 2), 0)
        columns = _cut(self.left, self.right, -(-(self.right - self.left) // 2), 0)
        return [Box(*row, *column) for row in rows for column in columns]


@dataclass(frozen=True, eq=False)
class Rolled:
    """A picture rolled down and to the right, of which parts are taken without a copy of the whole.

    Attributes:
        whole: (B, C, H, W) as it lies.
        down, right: How far it is rolled, in pixels.
        show: The picture of any part of ``whole``, where that holds other numbers.
    """

    whole: Tensor
    down: int = 0
    right: int = 0
    show: Callable[[Tensor], Tensor] = lambda numbers: numbers

    def of(self, box: Box) -> Tensor:
        """The part of the rolled picture in ``box``."""
        rows = [
            torch.cat([self.show(part) for part in row], dim=3) if len(row) > 1 else self.show(row[0])
            for row in self._parts(self.whole, box)
        ]
        return torch.cat(rows, dim=2) if len(rows) > 1 else rows[0]

    def put(self, box: Box, values: Tensor, onto: Tensor) -> None:
        """Lay ``values``, which belong into ``box``, onto the like of ``whole``, where it lies unrolled."""
        top = 0
        for row in self._parts(onto, box):
            left, bottom = 0, top + row[0].shape[-2]
            for part in row:
                part.copy_(values[..., top:bottom, left : left + part.shape[-1]])
                left += part.shape[-1]
            top = bottom

    def pictures(self, some: slice) -> Rolled:
        """Some pictures of the batch."""
        return Rolled(self.whole[some], self.down, self.right, self.show)

    def _parts(self, whole: Tensor, box: Box) -> list[list[Tensor]]:
        height, width = whole.shape[-2:]
        columns = _wrapped(box.left - self.right, box.right - self.right, width)
        rows = _wrapped(box.top - self.down, box.bottom - self.down, height)
        return [[whole[..., a:b, c:d] for c, d in columns] for a, b in rows]


def _wrapped(start: int, end: int, length: int) -> list[tuple[int, int]]:
    """The span from ``start`` to ``end`` of something that begins again after ``length``, piece by piece."""
    first = start % length
    last = first + end - start
    return [(first, last)] if last <= length else [(first, length), (0, last - length)]


def grid(height: int, width: int, core: int, rng: torch.Generator) -> list[Box]:
    """Cores that cover the picture once, on a grid with a random offset."""
    down, right = (int(torch.randint(core, (), generator=rng)) for _ in range(2))
    return [Box(*r, *c) for r in _cut(0, height, core, down) for c in _cut(0, width, core, right)]


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
    # An offset of 0 would give an empty first piece, so the first edge is then a whole length away.
    edges = [start, *range(start + (offset or length), end, length), end]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def surroundings(core: Box, height: int, width: int, tiling: Tiling) -> Box:
    """The input of a tile: the core and its halo, on the grid on which the network lays its units.

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
    # Sizes of tile and picture are equal modulo the stride, so that strided layers pad both in the same way.
    last += (length - (last - first)) % step
    return first, min(last, length)


def tiled_gradient(
    view: Rolled,
    tiling: Tiling,
    rng: torch.Generator,
    gradient_of: Callable[[Box], tuple[Tensor, Tensor]],
    *,
    shrunk: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """The gradient (B, 3, H, W) and the score of a picture, tile by tile.

    ``gradient_of`` gives, for what a tile sees, its part of the gradient (B, 3, h, w) of the whole picture, and the
    tile's own score; the mean score over the picture is returned (for a sum over positions, a mean of sums). The
    gradient lies as ``view.whole`` does, unrolled. Where memory runs out, what is left is cut into tiles of half the
    core, ``shrunk`` receives the new core, and the work continues from there.

    Raises:
        RuntimeError: torch's own error, where the smallest tile is still too large.
    """
    height, width = view.whole.shape[-2:]
    # One buffer for all tiles: joining them in the end would need the picture's size a second time.
    gradient = torch.empty(view.whole.shape, dtype=view.whole.dtype, device=view.whole.device)
    score = torch.zeros((), device=view.whole.device)
    cores = grid(height, width, tiling.core, rng)
    while cores:
        core = cores[0]
        box = surroundings(core, height, width, tiling)
        part = None
        try:
            part, tile_score = gradient_of(box)
        except (MemoryError, RuntimeError) as error:
            smaller = tiling.halved()
            if smaller is None or not is_out_of_memory(error):
                raise
            tiling, cores = smaller, [quarter for box in cores for quarter in box.quarters()]
        if part is None:
            # Only here, after the handler: the traceback of the error holds the tensors that did not fit.
            give_back_memory()
            if shrunk is not None:
                shrunk(tiling.core)
            continue
        inside = Box(core.top - box.top, core.bottom - box.top, core.left - box.left, core.right - box.left)
        view.put(core, inside.of(part), gradient)
        score = score + tile_score * (core.area / (height * width))
        cores = cores[1:]
    return gradient, score
