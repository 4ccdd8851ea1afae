"""Sums of coarse and fine pictures."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.parameterizations.fourier import Fourier
from deepdream.ascent.parameterizations.palette import Palette
from deepdream.ascent.parameterizations.protocol import Squashed, chain_rule, register

_DEVIATION = 0.01  # of fresh parameters, as everywhere in lucid


@register("laplacian")
class LaplacianPyramid(Squashed):
    """Colors before a sigmoid, as the sum of a picture and enlarged coarser ones.

    A step of a coarse level moves a whole region, so large forms grow as fast as grain. Parameters are (B, N): the
    levels of side 1, 1/2, 1/4 and 1/8 one after the other, enlarged linearly.

    Source: lucid's laplacian_pyramid (4 levels), after Burt & Adelson 1983.
    """

    factors = (1, 2, 4, 8)

    def encode(self, image: Tensor) -> Tensor:
        """What a level cannot hold is left to the next finer one, and the finest holds all."""
        remainder, levels = self.palette.unsquash(image), []
        for height, width in reversed(level_sizes(image.shape[-2], image.shape[-1], self.factors)):
            level = F.interpolate(
                remainder, (height, width), mode="bilinear", align_corners=False, antialias=True
            )
            remainder = remainder - _enlarged(level, *image.shape[-2:])
            levels.append(level.flatten(1))
        return torch.cat(levels[::-1], dim=1)

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        return self.palette.squash(
            sum_of_levels(parameters, height, width, self.factors, self.palette.channels)
        )

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
        """Noise of standard deviation 0.01 at every level."""
        numbers = self.palette.channels * _positions(height, width, self.factors)
        return _DEVIATION * torch.randn(count, numbers, generator=rng)


@register("shared")
class Shared(Squashed):
    """A spectrum of its own for each picture of a batch, and coarse levels that all of them share.

    The gradient of a coarse level is averaged over the batch, so the pictures stay alike in their large forms: for
    several channels, or steps between two, that are to be compared.
    Parameters are (B, N): those of ``Fourier``, then levels of side 1/2, 1/4, 1/8 and 1/16.

    Source: Mordvintsev, Pezzotti, Schubert, Olah 2018, Differentiable Image Parameterizations, Distill (Aligned
    Feature Visualization Interpolation); lucid's lowres_tensor.
    """

    factors = (2, 4, 8, 16)

    def __init__(self, palette: Palette = Palette()) -> None:  # noqa: B008 - immutable
        super().__init__(palette)
        self._own = Fourier(palette)

    def encode(self, image: Tensor) -> Tensor:
        """All of ``image`` in what is its own; nothing shared yet."""
        own = self._own.encode(image).flatten(1)
        shared = own.new_zeros(len(own), self._shared_numbers(*image.shape[-2:]))
        return torch.cat([own, shared], dim=1)

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        own, levels = self._split(parameters, height, width)
        # A copy: pairs can be read as complex numbers only where they lie in steps of two.
        own = own.clone(memory_format=torch.contiguous_format)
        spectrum = own.view(-1, self.palette.channels, height, width // 2 + 1, 2)
        signal = self._own.signal(spectrum, height, width)
        shared = sum_of_levels(levels, height, width, self.factors, self.palette.channels)
        return self.palette.squash(signal + shared)

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:
        # The same step for all: levels that begin equal stay equal, without a constraint.
        pulled = chain_rule(self, parameters, direction)
        own, levels = self._split(pulled, *direction.shape[-2:])
        return torch.cat([own, levels.mean(dim=0, keepdim=True).expand_as(levels)], dim=1)

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
        """Coefficients and levels of standard deviation 0.01, the levels the same for all."""
        own = self._own.start(count, height, width, rng).flatten(1)
        level = _DEVIATION * torch.randn(1, self._shared_numbers(height, width), generator=rng)
        return torch.cat([own, level.expand(count, -1)], dim=1)

    def _shared_numbers(self, height: int, width: int) -> int:
        return self.palette.channels * _positions(height, width, self.factors)

    def _split(self, parameters: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        numbers = self.palette.channels * height * (width // 2 + 1) * 2
        own, levels = torch.split(parameters, [numbers, self._shared_numbers(height, width)], dim=1)
        return own, levels


def level_sizes(height: int, width: int, factors: tuple[int, ...]) -> list[tuple[int, int]]:
    """(height, width) of each level, never below one pixel."""
    return [(max(1, height // factor), max(1, width // factor)) for factor in factors]


def sum_of_levels(
    parameters: Tensor, height: int, width: int, factors: tuple[int, ...], channels: int
) -> Tensor:
    """(B, C, H, W): the levels in ``parameters`` (B, N), enlarged and summed."""
    sizes = level_sizes(height, width, factors)
    levels = torch.split(parameters, [channels * math.prod(size) for size in sizes], dim=1)
    parts = [
        _enlarged(level.reshape(-1, channels, *size), height, width)
        for level, size in zip(levels, sizes, strict=True)
    ]
    return torch.stack(parts).sum(dim=0)


def _enlarged(level: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(level, (height, width), mode="bilinear", align_corners=False)


def _positions(height: int, width: int, factors: tuple[int, ...]) -> int:
    return sum(math.prod(size) for size in level_sizes(height, width, factors))
