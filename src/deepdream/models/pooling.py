"""Max pooling by compiled kernels: torch gives a picture to one thread and stores 8 bytes for each position."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream import native
from deepdream.models.frozen import has_hooks

_Pool = native.structure("Pool", "x y place", f"{native.SIZES} channels kernel stride pad")


class FastMaxPool2d(nn.MaxPool2d):
    """A pooling like ``source``: the same values and gradients; of equal maxima the first one is meant, as in torch."""

    def __init__(self, source: nn.MaxPool2d) -> None:
        super().__init__(source.kernel_size, source.stride, source.padding, ceil_mode=source.ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        if not self._suits(x):
            output: Tensor = super().forward(x)
            return output
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.pool(x, None)
        pooled: Tensor = _Pooling.apply(x, self)
        return pooled

    def plain(self, x: Tensor) -> Tensor:
        """The same by torch's own operation."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    def pool(self, x: Tensor, place: Tensor | None) -> Tensor:
        """(B, C, H, W) -> (B, C, h, w); in ``place``, (B, h, w, C), comes where in its window each maximum was."""
        x = x.contiguous(memory_format=torch.channels_last)
        y = torch.empty((*x.shape[:2], *self.size_of(x)), memory_format=torch.channels_last)
        native.call("pool", _Pool, x, y, place=place, **self._geometry(x))
        return y

    def pull_back(self, gradient: Tensor, x: Tensor, place: Tensor) -> Tensor:
        """The gradient with respect to ``x``, from that of the output."""
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        pulled = torch.empty_like(x, memory_format=torch.channels_last)
        native.call("pull_back_pool", _Pool, gradient, pulled, place=place, **self._geometry(x))
        return pulled

    def size_of(self, x: Tensor) -> tuple[int, int]:
        """Rows and columns of the output; a last window that would begin behind the picture is left out."""
        kernel, stride, pad = self._window
        extra = stride - 1 if self.ceil_mode else 0
        counts = [(side + 2 * pad - kernel + extra) // stride + 1 for side in x.shape[-2:]]
        rows, columns = (
            count - int((count - 1) * stride >= side + pad)
            for count, side in zip(counts, x.shape[-2:], strict=True)
        )
        return rows, columns

    def _suits(self, x: Tensor) -> bool:
        kernel, _, pad = self._window
        fits = x.dim() == 4 and 2 * pad <= kernel <= min(x.shape[-2:]) + 2 * pad
        return fits and native.usable(x, x.shape[1])

    @property
    def _window(self) -> tuple[int, int, int]:
        kernel, stride, pad = self.kernel_size, self.stride, self.padding
        assert isinstance(kernel, int)
        assert isinstance(stride, int)
        assert isinstance(pad, int)
        return kernel, stride, pad

    def _geometry(self, x: Tensor) -> dict[str, int]:
        kernel, stride, pad = self._window
        return {"channels": x.shape[1], "kernel": kernel, "stride": stride, "pad": pad}


class _Pooling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pooling: FastMaxPool2d) -> Tensor:
        place = torch.empty((len(x), *pooling.size_of(x), x.shape[1]), dtype=torch.uint8)
        ctx.pooling = pooling
        ctx.save_for_backward(x, place)
        return pooling.pool(x, place)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        x, place = ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted
            (pulled,) = torch.autograd.grad(ctx.pooling.plain(x), x, gradient, create_graph=True)
            return pulled, None
        return ctx.pooling.pull_back(gradient, x, place), None


def replace_pools(network: nn.Module) -> None:
    """Put a ``FastMaxPool2d`` in the place of every pooling that it can stand for, under the same name."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.MaxPool2d and _is_plain(child) and not has_hooks(child):
                setattr(parent, name, FastMaxPool2d(child))


def _is_plain(module: nn.MaxPool2d) -> bool:
    """Whether its window is square, has no holes, and gives values alone."""
    window = (module.kernel_size, module.stride, module.padding)
    square = all(
        isinstance(value, int) and value <= 15 for value in window
    )  # so that a place fits into a byte
    return square and module.dilation == 1 and not module.return_indices
