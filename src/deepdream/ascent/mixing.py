"""Matrices on the colors of a gradient, collected first and applied in one pass over the pixels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from deepdream import native

#: Over the pixels, the products of every two channels (B, 3, 3), and the channels (B, 3, 1).
Sums = tuple[Tensor, Tensor]

_PIECE = 1 << 16  # pixels that are multiplied at once: few enough to stay near the processor
_SUMMED = 1 << 14  # pixels that the C routine sums in float32: more would lose digits
_Sums = native.structure("Sums", "x y", f"{native.SIZES} pieces")


class Mixed:
    """A gradient (B, 3, H, W) and the matrix (B, 3, 3) by which each of its pixels is still to be multiplied.

    What acts on each pixel alone needs no pass over the picture: the matrices are multiplied with each other, and
    the standard deviation follows from the sums of the products of the channels.

    Args:
        own: Whether ``values`` may be written over; a large picture leaves no memory for copies.
    """

    def __init__(
        self, values: Tensor, matrix: Tensor | None = None, *, own: bool = False, sums: Sums | None = None
    ) -> None:
        self.values, self.matrix, self.own = values, matrix, own
        self._sums = sums  # of the values, where they are known

    def mixed(self, matrix: Tensor) -> Mixed:
        """The same with ``matrix``, (3, 3), (B, 3, 3) or a factor (B, 1, 1), applied after the matrix so far."""
        after = matrix * self._matrix if matrix.shape[-1] == 1 else matrix @ self._matrix
        return Mixed(self.values, after, own=self.own, sums=self._sums)

    def filtered(self, way: Callable[[Tensor], Tensor]) -> Mixed:
        """Every channel through the same linear filter, which commutes with the matrix."""
        return Mixed(way(self.values), self.matrix, own=True)

    def weighed(self, weights: Tensor) -> Mixed:
        """Every pixel times its weight, (B, 1, H, W)."""
        # A weight is the same for all channels of a pixel, so it commutes with the matrix.
        values = self.values.mul_(weights) if self.own else self.values * weights
        return Mixed(values, self.matrix, own=True)

    def std(self) -> Tensor:
        """(B, 1, 1): the standard deviation of each picture's values after the matrix."""
        self._sums = self._sums or _sums(self.values)
        products, totals = (self._matrix @ part for part in self._sums)
        # From the sums alone: a pass over 100 megapixels for each part of the conditioning takes seconds.
        count = 3 * self.values[0, 0].numel()
        square = (products * self._matrix).sum(dim=(1, 2), keepdim=True)
        mean = totals.sum(dim=1, keepdim=True) / count
        return ((square - count * mean.square()) / (count - 1)).clamp_min(0).sqrt()

    def tensor(self) -> Tensor:
        """(B, 3, H, W): the matrix applied."""
        if self.matrix is None:
            return self.values
        flat = self.values.flatten(2)
        if not self.own:
            return (self.matrix @ flat).view(self.values.shape)
        for piece in torch.split(flat, _PIECE, dim=2):
            piece.copy_(self.matrix @ piece)
        return flat.view(self.values.shape)

    @property
    def _matrix(self) -> Tensor:
        if self.matrix is not None:
            return self.matrix
        return torch.eye(3, dtype=self.values.dtype, device=self.values.device).expand(len(self.values), 3, 3)


def _sums(values: Tensor) -> Sums:
    flat = values.flatten(2)
    if native.usable(values) and values.shape[1] == 3:
        pieces = -(-flat.shape[2] // _SUMMED)
        # Nine sums of each piece: six products of two channels, of which the order does not matter, and three totals.
        sums = torch.empty(len(values), pieces, 1, 9, dtype=torch.float64)
        native.call("sums", _Sums, values.contiguous(), sums, pieces=pieces)
        totals = sums.sum(dim=(1, 2)).float()
        return totals[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].view(-1, 3, 3), totals[:, 6:, None]
    products = [piece @ piece.mT for piece in torch.split(flat, _PIECE, dim=2)]
    return torch.stack(products).sum(dim=0), flat.sum(dim=2, keepdim=True)
