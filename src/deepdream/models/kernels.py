"""Convolutions with kernels that stay, as oneDNN runs them fastest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream import native

_Stem = native.structure(
    "Stem",
    "x result kernel y",
    f"{native.SIZES} before colors stride first_row rows first_column columns",
)


class Kernels:
    """A convolution with kernels that stay: (C', C / ``groups``, h, w).

    oneDNN wants kernels in an order of its own, and would bring them into it anew at every call: a fifth of the time
    of a picture of 224x224.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: Sequence[int] = (1, 1),
        dilation: Sequence[int] = (1, 1),
        groups: int = 1,
    ) -> None:
        self.weight, self.bias = weight, bias
        self.stride, self.dilation, self.groups = list(stride), list(dilation), groups
        self._packed: Tensor | None = None

    def __call__(self, x: Tensor, padding: list[int], *, bounded: bool = False) -> Tensor:
        """(B, C, H, W) -> (B, C', h, w); ``bounded`` lays a ReLU6 over it in the same pass over memory."""
        if one_dnn(x):
            if self._packed is None:
                packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
                    self.weight.contiguous(), padding, self.stride, self.dilation, self.groups, list(x.shape)
                )
                self._packed = packed
            activation: tuple[str, list[float]] = ("hardtanh", [0.0, 6.0]) if bounded else ("none", [])
            output: Tensor = torch.ops.mkldnn._convolution_pointwise(
                x, self._packed, self.bias, padding, self.stride, self.dilation, self.groups, *activation, ""
            )
            return output
        y = F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        return y.clamp_(0, 6) if bounded else y

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": None}  # oneDNN's order cannot be copied; it is made again


class Stem:
    """The way back through a strided convolution of few channels, all phases of its stride at once.

    Args:
        kernel: (s, s, C, C', rows, columns): for each phase and channel of the input what it gets from the
            gradients of its neighbors.
        first: The first neighbor's row and column, from where the phase lies.
    """

    def __init__(self, kernel: Tensor, first: list[int]) -> None:
        stride, _, colors, before, rows, columns = kernel.shape
        self.before = before
        self._geometry = {
            "before": before, "colors": colors, "stride": stride, "rows": rows, "columns": columns,
            "first_row": first[0], "first_column": first[1],
        }  # fmt: skip
        by_row = kernel.permute(4, 5, 3, 0, 1, 2).flatten(3).flatten(1, 2)
        self._kernel = torch.cat([native.panels(row) for row in by_row])

    def pull_back(self, gradient: Tensor, size: torch.Size, result: Tensor | None) -> Tensor:
        """(B, C', h, w) -> (B, C, H, W) of ``size``; ``result`` is that of a ReLU6 that the gradient meets first."""
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        pulled = torch.empty(size, memory_format=torch.channels_last)
        native.call(
            "pull_back_stem", _Stem, gradient, pulled, result=result, kernel=self._kernel, **self._geometry
        )
        return pulled


class Phases:
    """The way back through a strided convolution: for each phase of the input one small dense kernel.

    With x[s q + a] in the row y[i] = sum_u w[u] x[s i + u - p], the gradient there is the sum over d of
    w[a + p - s d] g[q + d]. All phases are output channels of one convolution, and are then woven together.
    """

    def __init__(self, weight: Tensor, stride: list[int], padding: list[int]) -> None:
        self.stride = stride
        spans = [_reach(k, s, p) for k, s, p in zip(weight.shape[-2:], stride, padding, strict=True)]
        self.first = [low for low, _ in spans]
        self.last = [high for _, high in spans]
        out, channels = weight.shape[:2]
        kernel = weight.new_zeros(*stride, channels, out, *(b - a + 1 for a, b in spans))
        rows, columns = (range(a, b + 1) for a, b in spans)
        for a, b, d, e in product(range(stride[0]), range(stride[1]), rows, columns):
            u, v = a + padding[0] - stride[0] * d, b + padding[1] - stride[1] * e
            if 0 <= u < weight.shape[2] and 0 <= v < weight.shape[3]:
                kernel[a, b, :, :, d - rows[0], e - columns[0]] = weight[:, :, u, v].T
        self.kernels = Kernels(kernel.flatten(0, 2))
        self._kernel = kernel
        self._native: Stem | None = None

    def are_native(self, gradient: Tensor) -> bool:
        """Whether the compiled kernels accept ``gradient``."""
        return self.stride[0] == self.stride[1] and native.usable(gradient, gradient.shape[1])

    def pull_back(self, gradient: Tensor, size: torch.Size, result: Tensor | None = None) -> Tensor:
        """(B, C', h, w) -> (B, C, H, W) of ``size``; ``result``, only where they ``are_native``, masks first."""
        if self.are_native(gradient):
            self._native = self._native or Stem(self._kernel, self.first)
            return self._native.pull_back(gradient, size, result)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        counts = [-(-side // s) for side, s in zip(size[-2:], self.stride, strict=True)]
        room = [
            max(-first, count + last - side)
            for first, last, count, side in zip(
                self.first, self.last, counts, gradient.shape[-2:], strict=True
            )
        ]
        phases = self.kernels(gradient, room).permute(0, 2, 3, 1)
        top, left = (pad + first for pad, first in zip(room, self.first, strict=True))
        phases = phases[:, top : top + counts[0], left : left + counts[1]]
        # Rows of the output in turn; the columns of a phase lie beside each other already, colors innermost.
        down, right = self.stride
        split = phases.reshape(*phases.shape[:3], down, -1).transpose(2, 3)
        woven: Tensor = split.reshape(size[0], counts[0] * down, counts[1] * right, size[1]).permute(
            0, 3, 1, 2
        )
        return woven[..., : size[2], : size[3]]


def _reach(kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """The smallest and the largest d for which some phase meets the kernel."""
    return -((kernel - 1 - padding) // stride), (stride - 1 + padding) // stride


def one_dnn(x: Tensor) -> bool:
    """Whether oneDNN is called directly: torch would leave 1x1 convolutions in one thread to a slower routine."""
    usable = bool(torch.backends.mkldnn.enabled) and torch._C._has_mkldnn
    return usable and x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0
