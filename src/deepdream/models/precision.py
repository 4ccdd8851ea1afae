"""Running a network in bfloat16 or float16, with pictures, scores and gradients in float32 around it.

A draft: on the embedded network the direction of a bfloat16 gradient has a cosine of about 0.7 with that of float32
(tests/models/test_precision.py measures it), since rounded activations open and close rectifiers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from deepdream.models.network import Model

    AnyModel = TypeVar("AnyModel", bound=Model)

#: By the name that a plan gives them.
LOWER = {"bfloat16": torch.bfloat16, "float16": torch.float16}
#: In float16, where small numbers vanish, gradients go back through the network scaled so that the largest is this.
_LARGEST = 16.0


def lowered(model: AnyModel, precision: str, **changes: Any) -> AnyModel:
    """``model``, with ``changes``, in a lower precision; what is known of its layers is known of the twin.

    Raises:
        UnknownNameError: no such precision.
        UsageError: the network does not run so on this device.
    """
    if precision not in LOWER:
        raise UnknownNameError("precision", precision, ("float32", *LOWER))
    twin = replace(model, precision=precision, **changes)
    twin.__dict__ |= {name: getattr(model, name) for name in ("layers", "_sizes")}
    try:
        with torch.no_grad():
            twin._prepared(Passage(precision).enter(twin._example))
    except RuntimeError as error:
        raise UsageError(
            f"{model.name} does not run in {precision} on {model.device}. Use --precision float32."
        ) from error
    return twin


class Passage:
    """The way into a network of lower precision and out of it, and the way back for gradients; nothing in float32.

    Made anew for each pass: it remembers the scale of the gradients that come back.
    """

    def __init__(self, precision: str) -> None:
        self.dtype = LOWER.get(precision)
        self.scale: Tensor | None = None

    def enter(self, x: Tensor) -> Tensor:
        """``x`` in the network's precision; its gradient comes back in float32."""
        entered: Tensor = _Enter.apply(x, self) if self.dtype else x
        return entered

    def leave(self, y: Tensor) -> Tensor:
        """An output in float32; its gradient goes back in the network's precision."""
        output: Tensor = _Leave.apply(y, self) if self.dtype else y
        return output


class _Enter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, passage: Passage) -> Tensor:
        ctx.passage = passage
        return x.to(passage.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        scale, ctx.passage.scale = ctx.passage.scale, None
        gradient = gradient.float()
        return gradient if scale is None else gradient / scale, None


class _Leave(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, passage: Passage) -> Tensor:
        ctx.passage = passage
        return y.float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        passage = ctx.passage
        if passage.dtype == torch.float16:
            if passage.scale is None:  # the same for every output that is scored
                passage.scale = _LARGEST / gradient.abs().max().clamp_min(1e-30)
            gradient = gradient * passage.scale
        return gradient.to(passage.dtype), None
