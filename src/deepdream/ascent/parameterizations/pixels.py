"""Pixels, as they are and before a sigmoid."""

from __future__ import annotations

import torch
from torch import Tensor

from deepdream.ascent.parameterizations.palette import Palette
from deepdream.ascent.parameterizations.protocol import Squashed, register


@register("pixels")
class Pixels:
    """The pixels themselves, clipped after every step."""

    exact = True
    pixelwise = True

    def __init__(self, palette: Palette = Palette()) -> None:  # noqa: B008 - immutable
        self.palette = palette

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:  # noqa: ARG002
        return parameters

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:  # noqa: ARG002
        return direction

    def project(self, parameters: Tensor) -> Tensor:
        return parameters.clamp(0, 1)

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
        """Gray with noise of standard deviation 0.01, the deviation of lucid's pixel_image."""
        return 0.5 + 0.01 * torch.randn(count, self.palette.channels, height, width, generator=rng)


@register("logit")
class Logit:
    """Pixels before a sigmoid: a step moves mid grays most and can hardly push a pixel into black or white.

    The picture is squeezed into [margin, 1 - margin] first, so that black and white have finite logits, and
    comes back unsqueezed: what is not changed returns exactly. A direction is applied as it is, times 4, the
    inverse slope at mid gray: there a step of 0.02 is a change of 0.02.
    """

    exact = True
    pixelwise = True

    def __init__(self, palette: Palette = Palette(), margin: float = 0.002) -> None:  # noqa: B008 - immutable
        self.palette, self.margin = palette, margin

    def encode(self, image: Tensor) -> Tensor:
        return ((1 - 2 * self.margin) * image).add_(self.margin).logit_()

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:  # noqa: ARG002
        squeezed = torch.sigmoid(parameters)
        # The first result is new, so the others need no copy.
        return squeezed.sub(self.margin).div_(1 - 2 * self.margin).clamp_(0, 1)

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:  # noqa: ARG002
        # Not by the chain rule: the direction is a step of the picture, and 4 is the inverse slope at mid gray.
        return 4 * direction

    def project(self, parameters: Tensor) -> Tensor:
        return parameters

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
        """Noise of standard deviation 0.01 before the sigmoid, as lucid's pixel_image."""
        return 0.01 * torch.randn(count, self.palette.channels, height, width, generator=rng)


@register("colors")
class Colors(Squashed):
    """Pixels in decorrelated colors before a sigmoid: what photographs seldom do with color costs more to reach.

    Parameters are (B, C, H, W).

    Source: Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill; lucid's to_valid_rgb.
    """

    pixelwise = True

    def encode(self, image: Tensor) -> Tensor:
        return self.palette.unsquash(image)

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:  # noqa: ARG002
        return self.palette.squash(parameters)

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
        """Noise of standard deviation 0.01, as lucid's pixel_image."""
        return 0.01 * torch.randn(count, self.palette.channels, height, width, generator=rng)
