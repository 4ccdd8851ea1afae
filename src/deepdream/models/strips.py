"""An inverted residual strip by strip, so that its wide middle stays in the processor's cache.

A block widens its input several times, filters every channel and narrows again. Written out, the wide part is read
and written at the speed of the memory; a strip of some rows is still in the cache when the next convolution takes it
up. It is not even kept: the way back makes it again from the narrow input, which costs less than to fetch it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from deepdream.models.frozen import Frozen, masked
from deepdream.models.kernels import one_dnn

#: The wide part of a strip, in bytes (measured best for a second-level cache of 1 MB and a third of 32).
_STRIP = 6 << 20
#: Below so many bytes the whole wide part stays in the cache as it is.
_CACHED = 16 << 20


@dataclass(frozen=True)
class _Rows:
    """The rows ``first`` to ``last`` of a block's output, and the rows of its input that they are made from."""

    first: int
    last: int
    low: int
    high: int


@dataclass(frozen=True)
class Strips:
    """A 1x1 convolution that widens, a depthwise one and a 1x1 one that narrows; a ReLU6 behind the first two."""

    widen: Frozen
    filter: Frozen
    narrow: Frozen
    skip: bool = False

    @classmethod
    def of(cls, links: list[tuple[Frozen, bool]], *, skip: bool) -> Strips | None:
        """None where ``links`` are something else."""
        if [bounded for _, bounded in links] != [True, True, False]:
            return None
        widen, middle, narrow = (frozen for frozen, _ in links)
        fits = widen.is_pointwise and middle.is_depthwise and narrow.is_pointwise
        return cls(widen, middle, narrow, skip) if fits else None

    def suit(self, x: Tensor) -> bool:
        """Whether ``x`` (B, C, H, W) is so large that strips are faster."""
        return one_dnn(x) and len(x) * x.shape[2] * self._row(x) > _CACHED

    def run(self, x: Tensor, saved: list[Tensor] | None) -> Tensor:
        """The output; what the way back wants to know of the filtered strips is appended to ``saved``."""
        height, width = self.filter.size_of(x.shape)
        like = torch.empty(
            (len(x), len(self.narrow.weight), height, width), memory_format=torch.channels_last
        )
        for i in range(len(x)):
            for rows in self._strips(x):
                y, filtered = self._forward(x[i : i + 1], rows)
                like[i : i + 1, :, rows.first : rows.last] = y
                if saved is not None:
                    saved.append(filtered)
        return like.add_(x) if self.skip else like

    def pull_back(self, gradient: Tensor, x: Tensor, saved: list[Tensor]) -> Tensor:
        """The gradient with respect to ``x``, from that of the output."""
        pulled = torch.empty_like(x, memory_format=torch.channels_last)
        filtered = iter(saved)
        for i in range(len(x)):
            one, complete = slice(i, i + 1), 0
            for rows in self._strips(x):
                part = gradient[one, :, rows.first : rows.last]
                low, high, moved = self._backward(part, x[one], rows, next(filtered))
                pulled[one, :, low:complete] += moved[
                    :, :, : complete - low
                ]  # neighbors reach a few rows into each other
                pulled[one, :, complete:high] = moved[:, :, complete - low :]
                complete = high
            pulled[one, :, complete:] = 0
        return pulled.add_(gradient) if self.skip else pulled

    def _forward(self, x: Tensor, rows: _Rows) -> tuple[Tensor, Tensor]:
        wide = self.widen(x[:, :, rows.low : rows.high], bounded=True)
        # The strip's own edges are padded, too, which spoils the rows next to them: they are not wanted.
        skipped = rows.first - rows.low // self.filter.stride[0]
        filtered = self.filter(wide, bounded=True)[:, :, skipped : skipped + rows.last - rows.first]
        return self.narrow(filtered), filtered

    def _backward(
        self, gradient: Tensor, x: Tensor, rows: _Rows, filtered: Tensor
    ) -> tuple[int, int, Tensor]:
        """What ``gradient`` of some rows of the output adds to the gradient of ``x``, and to which rows."""
        moved = self.narrow.pull_back(gradient, filtered.shape, None)
        moved = masked(moved, filtered, into=moved)
        top = rows.first * self.filter.stride[0] - self.filter.padding[0]
        moved = self.filter.pull_back_all_rows(moved, x.shape[-1])
        low, high = max(top, 0), min(top + moved.shape[2], x.shape[2])
        moved = moved[:, :, low - top : high - top]
        wide = self.widen(x[:, :, low:high], bounded=True)
        moved = masked(moved, wide, into=moved)
        return low, high, self.widen.pull_back(moved, x.shape, None)

    def _strips(self, x: Tensor) -> Iterator[_Rows]:
        (stride, _), (padding, _) = self.filter.stride, self.filter.padding
        kernel = self.filter.weight.shape[2]
        height, _ = self.filter.size_of(x.shape)
        # Rows at the edges of strips are computed twice: never so few that these are the most.
        most = max(round(_STRIP / self._row(x)), 4 * (kernel - 1)) // stride
        count = -(-height // -(-height // most))  # as many in each as can be
        for first in range(0, height, count):
            last = min(first + count, height)
            low = max(0, first - -(-padding // stride)) * stride
            yield _Rows(first, last, low, min((last - 1) * stride - padding + kernel, x.shape[2]))

    def _row(self, x: Tensor) -> int:
        """Bytes of a row of a picture's wide part."""
        return len(self.widen.weight) * x.shape[3] * x.element_size()
