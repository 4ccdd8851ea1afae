"""Redirected gradients: what lets a dead or saturated unit be lifted.

A ReLU whose input is negative passes no gradient, so that an objective which reads only such units cannot be
climbed. lucid's remedy (``redirected_relu_grad``, ``redirected_relu6_grad``; lucid/misc/redirected_relu_grad.py):
where *nothing* of a picture's gradient would get through a rectifier, let through what pulls its units back towards
where they respond. The output stays as it is.

The rectifiers are replaced while the network is called, wherever they stand: as modules or as functions in its
``forward``. The module itself is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Rectifier:
    """An activation function that goes flat.

    Attributes:
        apply: Its value.
        slope: Its derivative.
        floor, ceiling: Beyond these inputs it is flat, or falls back.
        faint: Share of a gradient that counts as nothing: zero for functions that are quite flat.
    """

    apply: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    floor: float
    ceiling: float = float("inf")
    faint: float = 0.0


def _silu_slope(x: Tensor) -> Tensor:
    gate = torch.sigmoid(x)
    return gate * (1 + x * (1 - gate))


def _hardswish_slope(x: Tensor) -> Tensor:
    return torch.where(x >= 3, 1.0, torch.where(x > -3, x / 3 + 0.5, 0.0))


RELU = Rectifier(F.relu, lambda x: (x > 0).to(x.dtype), 0.0)
RELU6 = Rectifier(F.relu6, lambda x: ((x > 0) & (x < 6)).to(x.dtype), 0.0, 6.0)
#: The minimum of x * sigmoid(x): below it a stronger output means an even lower input.
SILU = Rectifier(F.silu, _silu_slope, -1.27846454, faint=0.05)
HARDSWISH = Rectifier(F.hardswish, _hardswish_slope, -1.5)


class _Redirected(torch.autograd.Function):
    """The value of a rectifier, with lucid's gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rectifier: Rectifier) -> Tensor:
        ctx.faint = rectifier.faint
        ctx.save_for_backward(rectifier.slope(x), x <= rectifier.floor, x >= rectifier.ceiling)
        return rectifier.apply(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        slope, low, high = ctx.saved_tensors
        through = gradient * slope
        # Scores are climbed here; lucid descends a loss, so its signs are the other way round.
        outward = (low & (gradient < 0)) | (high & (gradient > 0))
        redirected = torch.where(low | high, gradient, through).masked_fill(outward, 0.0)
        passed, all_of_it = (part.flatten(1).norm(dim=1) for part in (through, gradient))
        nothing = (passed <= ctx.faint * all_of_it).reshape(-1, *[1] * (gradient.dim() - 1))
        return torch.where(nothing, redirected, through), None


def _rectifier_of(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rectifier | None:
    if function in (F.hardtanh, F.hardtanh_):
        bounds = (*args[1:3], kwargs.get("min_val"), kwargs.get("max_val"))
        return RELU6 if [b for b in bounds if b is not None][:2] == [0.0, 6.0] else None
    return _FUNCTIONS.get(function)


_FUNCTIONS: dict[Any, Rectifier] = {
    F.relu: RELU, torch.relu: RELU, torch.relu_: RELU, Tensor.relu: RELU, Tensor.relu_: RELU,
    F.relu6: RELU6, F.silu: SILU, F.hardswish: HARDSWISH,
}  # fmt: skip
_IN_PLACE = (torch.relu_, Tensor.relu_, F.hardtanh_)


class _Redirecting(TorchFunctionMode):
    """Calls the redirected form wherever a rectifier is called."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        rectifier = _rectifier_of(function, args, given)
        x = args[0] if args else given.get("input")
        if rectifier is None or not isinstance(x, Tensor) or not x.requires_grad:
            return function(*args, **given)
        out = _Redirected.apply(x, rectifier)
        in_place = (
            function in _IN_PLACE
            or given.get("inplace")
            or (function in _WITH_FLAG and (len(args) > 1 and bool(args[1])))
        )
        return x.copy_(out) if in_place else out


_WITH_FLAG = (F.relu, F.relu6, F.silu, F.hardswish)


_ACTIVE: ContextVar[bool] = ContextVar("redirected gradients", default=False)


def are_redirected() -> bool:
    """Whether gradients are redirected now: what fuses rectifiers into other operations must stand aside."""
    return _ACTIVE.get()


@contextmanager
def redirected_gradients() -> Iterator[None]:
    """Rectifiers that are called inside this block have lucid's redirected gradients."""
    before = _ACTIVE.set(True)
    try:
        with _Redirecting():
            yield
    finally:
        _ACTIVE.reset(before)
