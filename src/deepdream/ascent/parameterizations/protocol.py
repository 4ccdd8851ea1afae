"""The protocol and the registry of parameterizations, and what most of them share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from deepdream.ascent.parameterizations.palette import Palette
from deepdream.plan import PARAMETERIZATION_NAMES

#: Parameterizations by name, each made with a palette; ``register`` adds one.
PARAMETERIZATIONS: dict[str, Callable[[Palette], Parameterization]] = {}
_Maker = TypeVar("_Maker", bound=Callable[..., object])


class Parameterization(Protocol):
    """A way to write a picture (B, C, H, W) in [0, 1] as numbers that are free to move.

    The parameters of a picture lie along the first dimension, so that a batch is cut and joined like pictures.
    C is 3, or 4 where the palette has opacity.

    Attributes:
        exact: Whether any picture can be written; if not, a dream in it starts from noise.
        palette: What the channels are.
        pixelwise: Whether every pixel's parameters lie in its place, so that a part of them is a part of the picture.
    """

    exact: bool
    palette: Palette
    pixelwise: bool

    def encode(self, image: Tensor) -> Tensor:
        """The parameters of ``image``."""

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        """The picture of ``parameters``, in [0, 1]; differentiable."""

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:
        """The change of the parameters that corresponds to a change ``direction`` of the picture."""

    def project(self, parameters: Tensor) -> Tensor:
        """The nearest parameters that mean a legal picture."""

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
        """Random parameters of ``count`` pictures without any form yet."""


def register(name: str) -> Callable[[_Maker], _Maker]:
    """Add the decorated class to ``PARAMETERIZATIONS``, and its name to the choices of the setting."""

    def add(maker: _Maker) -> _Maker:
        PARAMETERIZATIONS[name] = maker  # type: ignore[assignment]
        if name not in PARAMETERIZATION_NAMES:
            PARAMETERIZATION_NAMES.append(name)
        return maker

    return add


def chain_rule(kind: Parameterization, parameters: Tensor, direction: Tensor) -> Tensor:
    """d sum(picture * direction) / d parameters."""
    height, width = direction.shape[-2:]
    with torch.enable_grad():
        free = parameters.detach().requires_grad_()
        (moved,) = torch.autograd.grad(kind.decode(free, height, width), free, direction)
    return moved


class Squashed:
    """The common part of parameterizations that end in a sigmoid: any parameters are legal."""

    exact = True
    pixelwise = False

    def __init__(self, palette: Palette = Palette()) -> None:  # noqa: B008 - immutable
        self.palette = palette

    def pull_back(self: Parameterization, parameters: Tensor, direction: Tensor) -> Tensor:
        return chain_rule(self, parameters, direction)

    def project(self, parameters: Tensor) -> Tensor:
        return parameters
