"""Convolutions whose weights stay: forward, and back to the input alone, by the fastest way at hand.

torch's backward pass of a convolution is made for training. Where weights are frozen, the gradient with respect to
the input is often a convolution itself, which oneDNN runs faster (benchmarks/RESULTS.md): a 1x1 convolution by the
transposed matrix, a depthwise one by the turned kernels, a stem of few channels by a small kernel for each phase of
its stride. All of it is exact up to rounding.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.models.kernels import Kernels, Phases

#: A convolution counts as a stem where its input's phases, C * stride^2, are at most so many channels.
_FEW = 16


class Frozen:
    """One convolution with fixed weights, zero padded."""

    def __init__(self, source: nn.Conv2d) -> None:
        self.weight = source.weight.detach()
        self.bias = None if source.bias is None else source.bias.detach()
        assert isinstance(source.padding, tuple)
        self.stride, self.padding = list(source.stride), list(source.padding)
        self.dilation, self.groups = list(source.dilation), source.groups
        geometry: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation, "groups": self.groups}
        self._forward = Kernels(self.weight, self.bias, **geometry)
        back = self._transposed()
        self._back = None if back is None else Kernels(back, **geometry)
        self._phases = Phases(self.weight, self.stride, self.padding) if self._is_stem else None

    @property
    def is_pointwise(self) -> bool:
        """Whether it is a plain 1x1 convolution."""
        return self.weight.shape[2:] == (1, 1) and self.groups == 1 and self._back is not None

    @property
    def is_depthwise(self) -> bool:
        """Whether it filters every channel by itself, by a square odd kernel padded by half its size, leaving no
        position out.
        """
        out, within, *kernel = self.weight.shape
        alone = self.groups == out and within == 1 and self.dilation == [1, 1]
        padded = [2 * p + 1 for p in self.padding] == kernel
        square = len({*kernel}) == 1 == len({*self.stride})
        return alone and padded and square and self.stride[0] <= kernel[0]

    def size_of(self, size: torch.Size) -> tuple[int, int]:
        """Rows and columns of the output for an input of ``size``."""
        height, width = (
            (side + 2 * p - d * (k - 1) - 1) // s + 1
            for side, p, d, k, s in zip(
                size[-2:], self.padding, self.dilation, self.weight.shape[-2:], self.stride, strict=True
            )
        )
        return height, width

    @property
    def needs_input(self) -> bool:
        """Whether ``pull_back`` must be given what went in."""
        return self._back is None and self._phases is None

    def __call__(self, x: Tensor, *, bounded: bool = False) -> Tensor:
        """(B, C, H, W) -> (B, C', h, w); ``bounded`` lays a ReLU6 over it in the same pass over memory."""
        return self._forward(x, self.padding, bounded=bounded)

    def pull_back(
        self,
        gradient: Tensor,
        size: torch.Size,
        x: Tensor | None,
        result: Tensor | None = None,
        *,
        owned: bool = False,
    ) -> Tensor:
        """The gradient with respect to an input of ``size``, from that of the output.

        ``result`` is that of a ReLU6 which the gradient has to pass first; it is masked in place if ``owned``.
        """
        if self._phases is not None and self._phases.are_native(gradient):
            return self._phases.pull_back(gradient, size, result)
        if result is not None:
            gradient = masked(gradient, result, into=gradient if owned else None)
        if self._back is not None:
            gradient = gradient.contiguous(memory_format=torch.channels_last)
            return self._back(gradient, self.padding)
        if self._phases is not None:
            return self._phases.pull_back(gradient, size)
        assert x is not None
        return self.differentiable_pull_back(gradient, x)

    def pull_back_all_rows(self, gradient: Tensor, width: int) -> Tensor:
        """For a depthwise one: the gradient (B, C, h s + k - s, ``width``) of all rows, the padded ones too."""
        kernel, (padding, stride) = self.weight.shape[2], (self.padding[1], self.stride[1])
        if self._back is not None:
            return self._back(gradient, [kernel - 1, padding])
        rest = (width + 2 * padding - kernel) % stride
        return F.conv_transpose2d(
            gradient, self.weight, None, self.stride, (0, padding), (0, rest), self.groups, self.dilation
        )

    def differentiable_pull_back(self, gradient: Tensor, x: Tensor) -> Tensor:
        """The same by torch's own operation."""
        pulled: Tensor = torch.ops.aten.convolution_backward(
            gradient, x, self.weight, None, self.stride, self.padding, self.dilation, False, [0, 0], self.groups,
            [True, False, False],
        )[0]  # fmt: skip
        return pulled

    def _transposed(self) -> Tensor | None:
        """The kernels of the convolution that pulls a gradient back, where it has this one's own geometry."""
        out, within, *kernel = self.weight.shape
        same = [2 * p == d * (k - 1) for p, d, k in zip(self.padding, self.dilation, kernel, strict=True)]
        if self.stride != [1, 1] or not all(same):
            return None
        if self.groups == out and within == 1:
            return self.weight.flip(2, 3)
        if kernel == [1, 1] and self.groups == 1:
            return self.weight.transpose(0, 1)
        return None

    @property
    def _is_stem(self) -> bool:
        few = self.weight.shape[1] * math.prod(self.stride) <= _FEW
        plain = self.groups == 1 and self.dilation == [1, 1]
        return plain and few and min(self.stride) > 1


class FrozenConv2d(nn.Conv2d):
    """A convolution like ``source``, with its weights, that pulls gradients back to its input alone."""

    def __init__(self, source: nn.Conv2d) -> None:
        super().__init__(1, 1, 1, device="meta")
        for name in ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"):
            setattr(self, name, getattr(source, name))
        self.weight, self.bias = source.weight, source.bias
        self.frozen = Frozen(source)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4:
            return super().forward(x)
        output: Tensor = _Convolution.apply(x, self.frozen)
        return output


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, frozen: Frozen) -> Tensor:
        ctx.frozen, ctx.size = frozen, x.shape
        if frozen.needs_input:
            ctx.save_for_backward(x)
        return frozen(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        x = ctx.saved_tensors[0] if ctx.saved_tensors else None
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted; it does not depend on x
            like = gradient.new_zeros(()).expand(ctx.size)
            return ctx.frozen.differentiable_pull_back(gradient, like), None
        return ctx.frozen.pull_back(gradient, ctx.size, x), None


def freeze_convolutions(network: nn.Module) -> None:
    """Put a ``FrozenConv2d`` in the place of every plain convolution of ``network``, under the same name."""
    copies: dict[nn.Module, FrozenConv2d] = {}
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and _is_plain(child):
                copies[child] = copies.get(child) or FrozenConv2d(child)
                setattr(parent, name, copies[child])


def _is_plain(module: nn.Conv2d) -> bool:
    """Whether it is torch's own convolution, zero padded by numbers, and nobody looks into it."""
    if type(module) is not nn.Conv2d or module.padding_mode != "zeros" or isinstance(module.padding, str):
        return False
    return not has_hooks(module) and not isinstance(module.weight, nn.UninitializedParameter)


def has_hooks(module: nn.Module) -> bool:
    """Whether anybody wants to know when ``module`` runs, forward or backward."""
    hooks = (
        module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks,
    )  # fmt: skip
    return any(hooks)


def masked(gradient: Tensor, result: Tensor, *, into: Tensor | None) -> Tensor:
    """``gradient`` where the ReLU6 that gave ``result`` was open, written to ``into`` or to a tensor of its own."""
    into = torch.empty_like(result) if into is None else into
    masked_gradient: Tensor = torch.ops.aten.hardtanh_backward.grad_input(
        gradient, result, 0.0, 6.0, grad_input=into
    )
    return masked_gradient
