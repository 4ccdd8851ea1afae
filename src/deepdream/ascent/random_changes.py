"""The random changes of a picture before each gradient: shifted, scaled, rotated, cropped, noisy.

Source: Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill, and lucid's optvis/transform.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.call_text import Language
from deepdream.errors import UsageError

#: One drawn change: the same for every picture of a batch and for what lies under them.
Change = Callable[[Tensor], Tensor]


class Transform(Protocol):
    """A family of changes of pictures (B, C, H, W), one of which is drawn at every step."""

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:
        """One change of pictures of this size; differentiable."""

    def needs(self, side: int) -> int:
        """How long a picture's side must be so that it is certainly at least ``side`` afterward."""


#: How transforms are written; a new one is a dataclass under ``@LANGUAGE.register`` with the range of each field.
LANGUAGE: Language[Transform] = Language("transform", "pad(12) + jitter(8) + scale(0.9, 1.1)")


@LANGUAGE.register((0, 512))
@dataclass(frozen=True)
class Pad:
    """``pixels`` of mid gray on every side."""

    pixels: int

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:  # noqa: ARG002
        return lambda image: F.pad(image, (self.pixels,) * 4, value=0.5)

    def needs(self, side: int) -> int:
        return max(1, side - 2 * self.pixels)


@LANGUAGE.register((0, 512))
@dataclass(frozen=True)
class Roll:
    """Moved by up to ``pixels`` both ways, what leaves on one side coming in on the other."""

    pixels: int

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:
        offset = draw_offset(self.pixels, height, width, rng)
        return lambda image: torch.roll(image, offset, dims=(2, 3))

    def needs(self, side: int) -> int:
        return side


@LANGUAGE.register((0, 512))
@dataclass(frozen=True)
class Jitter:
    """Cropped at a random place, ``pixels`` smaller both ways."""

    pixels: int

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:
        spare = [min(self.pixels, side - 1) for side in (height, width)]
        top, left = (int(torch.randint(side + 1, (), generator=rng)) for side in spare)
        rows, columns = height - spare[0], width - spare[1]
        return lambda image: image[..., top : top + rows, left : left + columns]

    def needs(self, side: int) -> int:
        return side + self.pixels


@LANGUAGE.register((0.1, 4), (0.1, 4))
@dataclass(frozen=True)
class Scale:
    """Made larger or smaller by a factor between ``low`` and ``high``."""

    low: float
    high: float

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:
        factor = _between(self.low, self.high, rng)
        size = [max(1, round(side * factor)) for side in (height, width)]
        return lambda image: F.interpolate(
            image, size=size, mode="bilinear", align_corners=False, antialias=True
        )

    def needs(self, side: int) -> int:
        return math.ceil((side + 0.5) / self.low)


@LANGUAGE.register((-180, 180), (-180, 180))
@dataclass(frozen=True)
class Rotate:
    """Turned about the middle by an angle between ``low`` and ``high`` degrees, counterclockwise.

    The corners that come into view continue the border (gray where ``pad`` went before), not black as in lucid.
    """

    low: float
    high: float

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:
        angle = math.radians(_between(self.low, self.high, rng))
        cosine, sine, ratio = math.cos(angle), math.sin(angle), height / width
        matrix = torch.tensor([[[cosine, -sine * ratio, 0.0], [sine / ratio, cosine, 0.0]]])
        grid = F.affine_grid(matrix, [1, 1, height, width], align_corners=False)

        def turn(image: Tensor) -> Tensor:
            where = grid.to(image).expand(len(image), -1, -1, -1)
            return F.grid_sample(image, where, padding_mode="border", align_corners=False)

        return turn

    def needs(self, side: int) -> int:
        return side


@LANGUAGE.register((1, 64), (0.01, 1), (0.01, 1), (8, 1024))
@dataclass(frozen=True)
class Crops:
    """``count`` squares of a share between ``low`` and ``high`` of the shorter side, each seen at ``side`` pixels.

    A picture becomes ``count`` neighboring pictures of the batch, of which its objective takes the mean.

    Source: Fel et al. 2023, MACO, arXiv:2306.06805.
    """

    count: int
    low: float
    high: float
    side: int

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:
        boxes = []
        for _ in range(self.count):
            edge = max(1, round(min(height, width) * _between(self.low, self.high, rng)))
            top, left = (int(torch.randint(side - edge + 1, (), generator=rng)) for side in (height, width))
            boxes.append((top, left, edge))
        size = (self.side, self.side)

        def cut(image: Tensor) -> Tensor:
            crops = [
                F.interpolate(
                    image[..., top : top + edge, left : left + edge],
                    size=size, mode="bilinear", align_corners=False, antialias=True,
                )
                for top, left, edge in boxes
            ]  # fmt: skip
            return torch.stack(crops, dim=1).flatten(0, 1)

        return cut

    def needs(self, side: int) -> int:
        if side > self.side:
            raise UsageError(f"crops of {self.side} pixels are smaller than the {side} that the layers need.")
        return 1


@LANGUAGE.register((0, 1))
@dataclass(frozen=True)
class Noise:
    """Gaussian noise of this standard deviation added, the same to every picture of the batch."""

    deviation: float

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:
        noise = self.deviation * torch.randn(1, 3, height, width, generator=rng)
        return lambda image: image + noise.to(image) if image.shape[1] == 3 else image

    def needs(self, side: int) -> int:
        return side


@LANGUAGE.register((1, 4096), (1, 4096))
@dataclass(frozen=True)
class Resize:
    """Brought to exactly this size, for networks that take no other."""

    height: int
    width: int

    def draw(self, height: int, width: int, rng: torch.Generator) -> Change:  # noqa: ARG002
        size = (self.height, self.width)
        return lambda image: F.interpolate(
            image, size=size, mode="bilinear", align_corners=False, antialias=True
        )

    def needs(self, side: int) -> int:  # noqa: ARG002
        return 1


def draw_offset(pixels: int, height: int, width: int, rng: torch.Generator) -> tuple[int, int]:
    """How far down and to the right a picture is rolled: up to ``pixels``, and a quarter of the picture at most.

    By more a small octave would be torn apart at the seam.
    """
    limits = [min(pixels, side // 4) for side in (height, width)]
    down, right = (int(torch.randint(-limit, limit + 1, (), generator=rng)) for limit in limits)
    return down, right


def _between(low: float, high: float, rng: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=rng))
