"""Several frozen convolutions in a row as one differentiable operation.

autograd would keep what goes into every part and mask a copy of each gradient. Here a ReLU6 is laid over a
convolution while its numbers are in the registers, only the results of the ReLU6 are kept (they tell where it was
open), and gradients are masked in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.models.frozen import Frozen, has_hooks
from deepdream.models.rectifiers import are_redirected
from deepdream.models.residuals import Residual
from deepdream.models.strips import Strips


class Chain:
    """Convolutions, each with or without a ReLU6 behind it, and perhaps a sum with what went in.

    Args:
        links: (convolution, whether a ReLU6 follows), in order; norms folded. A ReLU6 follows all but the last.
        parts: Every module it stands for; while somebody looks into one of them, it stands aside.
        step_by_step: The same, module by module.
        skip: Whether what went in is added in the end.
    """

    def __init__(
        self,
        links: Sequence[tuple[nn.Conv2d, bool]],
        *,
        parts: Sequence[nn.Module],
        step_by_step: Callable[[Tensor], Tensor],
        skip: bool = False,
    ) -> None:
        assert all(bounded for _, bounded in links[:-1])
        self.links = [(Frozen(convolution), bounded) for convolution, bounded in links]
        self.parts = parts
        self.step_by_step = step_by_step
        self.skip = skip
        self.in_one_pass = Residual.of(self.links, skip=skip)
        self.strips = Strips.of(self.links, skip=skip)

    def __call__(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', h, w)."""
        if are_redirected() or any(has_hooks(part) for part in self.parts):
            return self.step_by_step(x)
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.run(x, None)
        output: Tensor = _Run.apply(x, self)
        return output

    def run(self, x: Tensor, saved: list[Tensor] | None) -> Tensor:
        """The output; the results of the ReLU6s are appended to ``saved``."""
        fused = self._fused(x)
        if fused is not None:
            return fused.run(x, saved)
        y = x
        for frozen, bounded in self.links:
            y = frozen(y, bounded=bounded)
            if bounded and saved is not None:
                saved.append(y)
        return y.add_(x) if self.skip else y

    def pull_back(self, gradient: Tensor, x: Tensor, saved: list[Tensor]) -> Tensor:
        """The gradient with respect to ``x``; of what came, nothing is changed."""
        fused = self._fused(x)
        if fused is not None:
            return fused.pull_back(gradient, x, saved)
        moved = gradient
        for frozen, bounded in reversed(self.links):
            result = saved.pop() if bounded else None
            before = saved[-1] if saved else x
            moved = frozen.pull_back(moved, before.shape, before, result, owned=moved is not gradient)
        return moved.add_(gradient) if self.skip else moved

    def _fused(self, x: Tensor) -> Residual | Strips | None:
        """What computes the whole chain at once, if there is anything for ``x``."""
        ways = (self.in_one_pass, self.strips)
        return next((way for way in ways if way is not None and way.suit(x)), None)


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, chain: Chain) -> Tensor:
        saved: list[Tensor] = []
        y = chain.run(x, saved)
        ctx.chain = chain
        ctx.save_for_backward(x, *saved)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        x, *saved = ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted
            (moved,) = torch.autograd.grad(ctx.chain.step_by_step(x), x, gradient, create_graph=True)
            return moved, None
        return ctx.chain.pull_back(gradient, x, saved), None
