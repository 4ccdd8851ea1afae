"""What every parameterization can do, and what most of them share."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from deepdream.ascent.color import correlate, decorrelate


class Parameterization(Protocol):
    """A way to write a picture (B, 3, H, W) in [0, 1] as numbers that are free to move.

    The parameters of a picture lie along the first dimension, so that a batch is cut and joined like pictures.

    Attributes:
        exact: Whether any picture can be written; if not, a dream in it starts from noise.
    """

    exact: bool

    def encode(self, image: Tensor) -> Tensor:
        """The parameters of ``image``."""

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        """The picture of ``parameters``, in [0, 1]; differentiable."""

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:
        """The change of the parameters that a change ``direction`` of the picture asks for."""

    def project(self, parameters: Tensor) -> Tensor:
        """The nearest parameters that mean a legal picture."""

    def start(self, count: int, height: int, width: int, chance: torch.Generator) -> Tensor:
        """Random parameters of ``count`` pictures that show nothing yet."""


def chain_rule(kind: Parameterization, parameters: Tensor, direction: Tensor) -> Tensor:
    """d sum(picture * direction) / d parameters."""
    height, width = direction.shape[-2:]
    with torch.enable_grad():
        free = parameters.detach().requires_grad_()
        (moved,) = torch.autograd.grad(kind.decode(free, height, width), free, direction)
    return moved


def squash(signal: Tensor) -> Tensor:
    """The picture of decorrelated colors of any size: through a sigmoid whose ends lie just outside [0, 1]."""
    return ((torch.sigmoid(correlate(signal)) - 0.01) / 0.98).clamp(0, 1)


def unsquash(image: Tensor) -> Tensor:
    """The decorrelated colors of ``image``; the inverse of ``squash``."""
    return decorrelate(torch.logit(0.01 + 0.98 * image))


class Squashed:
    """What the parameterizations that end in ``squash`` share: nothing is illegal, and the chain rule holds."""

    exact = True

    def pull_back(self: Parameterization, parameters: Tensor, direction: Tensor) -> Tensor:
        return chain_rule(self, parameters, direction)

    def project(self, parameters: Tensor) -> Tensor:
        return parameters
