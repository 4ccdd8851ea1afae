"""An inverted residual in one pass over memory, by compiled kernels (native.c)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from deepdream import native
from deepdream.models.frozen import Frozen

_Block = native.structure(
    "Block",
    "x first first_bias filter filter_bias second second_bias added y open_in open_out",
    f"{native.SIZES} before wide after kernel stride pad transposed",
)


@dataclass(frozen=True)
class Residual:
    """A depthwise convolution and a 1x1 one that narrows, perhaps behind a 1x1 one that widens.

    A ReLU6 follows all but the last. What is kept for the way back is a bit for each number that went through one.
    """

    widen: Frozen | None
    filter: Frozen
    narrow: Frozen
    skip: bool = False

    @classmethod
    def of(cls, links: list[tuple[Frozen, bool]], *, skip: bool) -> Residual | None:
        """None where ``links`` are something else."""
        if [bounded for _, bounded in links] not in ([True, True, False], [True, False]):
            return None
        *first, middle, narrow = (frozen for frozen, _ in links)
        kind = middle.weight.shape[2] in (3, 5) and middle.stride[0] in (1, 2) and middle.is_depthwise
        fits = kind and narrow.is_pointwise and all(widen.is_pointwise for widen in first)
        return cls(first[0] if first else None, middle, narrow, skip) if fits else None

    def suit(self, x: Tensor) -> bool:
        """Whether the kernels take ``x`` (B, C, H, W)."""
        return native.usable(x, len(self.filter.weight))

    def run(self, x: Tensor, saved: list[Tensor] | None) -> Tensor:
        """The output; what the way back wants is appended to ``saved``."""
        x = x.contiguous(memory_format=torch.channels_last)
        size = self.filter.size_of(x.shape)
        y = torch.empty((len(x), len(self.narrow.weight), *size), memory_format=torch.channels_last)
        before = behind = None
        if saved is not None:
            behind = self._bits(len(x), *size)
            before = None if self.widen is None else self._bits(len(x), *x.shape[-2:])
            saved += [behind] if before is None else [before, behind]
        added = x if self.skip else None
        self._pass(x, y, added=added, open_in=before, open_out=behind, **self._forward)
        return y

    def pull_back(self, gradient: Tensor, x: Tensor, saved: list[Tensor]) -> Tensor:
        """The gradient with respect to ``x``, from that of the output."""
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        pulled = torch.empty_like(x, memory_format=torch.channels_last)
        *before, behind = saved
        within = self.skip and self.widen is not None  # the pass ends behind the filter where nothing widens
        added = gradient if within else None
        bits = {"open_in": behind, "open_out": before[0] if before else None}
        self._pass(gradient, pulled, added=added, transposed=1, **bits, **self._back)
        return pulled.add_(gradient) if self.skip and not within else pulled

    def _bits(self, pictures: int, rows: int, columns: int) -> Tensor:
        return torch.empty((pictures, rows, columns, len(self.filter.weight) // 8), dtype=torch.uint8)

    def _pass(self, x: Tensor, y: Tensor, **fields: Tensor | int | None) -> None:
        kernel, stride = self.filter.weight.shape[2], self.filter.stride[0]
        shape = {"before": x.shape[1], "wide": len(self.filter.weight), "after": y.shape[1]}
        native.call(
            "run_block", _Block, x, y, kernel=kernel, stride=stride, pad=kernel // 2, **shape, **fields
        )

    @cached_property
    def _forward(self) -> dict[str, Tensor | None]:
        widen, narrow = self.widen, self.narrow
        return {
            "first": None if widen is None else native.panels(widen.weight.flatten(1).T),
            "first_bias": None if widen is None or widen.bias is None else native.whole(widen.bias),
            "filter": self.filter.weight[:, 0].permute(1, 2, 0).contiguous(),
            "filter_bias": self.filter.bias,
            "second": native.panels(narrow.weight.flatten(1).T),
            "second_bias": None if narrow.bias is None else native.whole(narrow.bias),
        }

    @cached_property
    def _back(self) -> dict[str, Tensor | None]:
        kernels = self.filter.weight[:, 0].permute(1, 2, 0)
        # At stride 1 the way back is a convolution with the turned kernels.
        turned = kernels.flip(0, 1) if self.filter.stride[0] == 1 else kernels
        return {
            "first": native.panels(self.narrow.weight.flatten(1)),
            "filter": turned.contiguous(),
            "second": None if self.widen is None else native.panels(self.widen.weight.flatten(1)),
        }
