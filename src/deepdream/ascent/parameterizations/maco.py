"""Phases alone are free: how much there is of each frequency stays as it is in photographs."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from deepdream.ascent.parameterizations.fourier import radial_frequency
from deepdream.ascent.parameterizations.protocol import Squashed, squash, unsquash

# How photographs are, for each decorrelated color before the sigmoid: the magnitude falls as frequency ** -exponent,
# and the deviations compare like this. ``measure_spectrum`` of the seven photographs in images/, cut square in the
# middle, at 256 pixels; tests/ascent/test_parameterizations.py measures them again.
_EXPONENTS = (1.258, 1.272, 1.042)
_DEVIATIONS = (0.933, 1.159, 0.887)


class MACO(Squashed):
    """The phase of each frequency of the decorrelated colors; the magnitudes are those of photographs.

    What cannot be made louder must be put in its place, so neither grain nor glare can win. Parameters are
    (B, 3, H, W // 2 + 1), in radians. A given photograph has magnitudes of its own, so a dream in it starts from
    noise; ``encode`` keeps its phases only.

    Source: Fel et al. 2023, Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization, arXiv:2306.06805. They take the mean magnitudes of ImageNet, at unit deviation; so here, but for a
    smooth fit in their place.
    """

    exact = False

    def encode(self, image: Tensor) -> Tensor:
        """The phases of ``image``."""
        phases: Tensor = torch.fft.rfft2(unsquash(image)).angle()
        return phases

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        return squash(self.signal(parameters, height, width))

    def signal(self, parameters: Tensor, height: int, width: int) -> Tensor:
        """The decorrelated colors (B, 3, H, W) before the sigmoid."""
        sizes = magnitude(height, width, parameters.device).to(parameters.dtype)
        spectrum = torch.polar(sizes.expand_as(parameters), _odd(parameters, width))
        signal: Tensor = torch.fft.irfft2(spectrum, s=(height, width))
        return signal

    def start(self, count: int, height: int, width: int, chance: torch.Generator) -> Tensor:
        """Any phase is as likely as any other: clouds."""
        return math.pi * (2 * torch.rand(count, 3, height, width // 2 + 1, generator=chance) - 1)


def magnitude(height: int, width: int, device: torch.device) -> Tensor:
    """(3, H, W // 2 + 1): of the coefficients of ``rfft2``; none for the mean, which is gray."""
    frequency = radial_frequency(height, width, device)
    exponents = torch.tensor(_EXPONENTS, device=device)[:, None, None]
    shape = frequency.clamp_min(1.0 / max(height, width)) ** -exponents * (frequency > 0)
    energy = (shape.square() * _multiplicity(width, device)).sum(dim=(1, 2), keepdim=True)
    deviations = torch.tensor(_DEVIATIONS, device=device)[:, None, None]
    return deviations * height * width * shape / energy.sqrt().clamp_min(1e-12)


def measure_spectrum(pictures: Tensor) -> tuple[list[float], list[float]]:
    """The exponents and deviations of photographs (B, 3, S, S), of each decorrelated color.

    The magnitude under a Hann window, which keeps the borders from adding frequencies, is averaged over the
    pictures in 16 rings from 3 cycles per picture to half a cycle per pixel; the exponent is the slope of a line
    through them on logarithmic axes. The deviations are the pictures' mean, over their root mean square.
    """
    side = pictures.shape[-1]
    colors = unsquash(pictures)
    deviations = colors.std(dim=(2, 3)).mean(dim=0)
    window = torch.hann_window(side)
    flat = (colors - colors.mean(dim=(2, 3), keepdim=True)) * window[:, None] * window
    power = torch.fft.rfft2(flat).abs().square()
    frequency = radial_frequency(side, side, pictures.device)
    edges = torch.logspace(math.log10(3 / side), math.log10(0.5), 17)
    rings = [(frequency >= low) & (frequency < high) for low, high in pairwise(edges)]
    sizes = torch.stack([power[..., ring].mean(dim=2).sqrt().mean(dim=0) for ring in rings])
    middles = (edges[:-1] * edges[1:]).sqrt().log()
    line = torch.stack([middles, torch.ones_like(middles)], dim=1)
    slopes = torch.linalg.lstsq(line, sizes.log()).solution[0]
    return (-slopes).tolist(), (deviations / deviations.square().mean().sqrt()).tolist()


def _multiplicity(width: int, device: torch.device) -> Tensor:
    """(W // 2 + 1,): how many coefficients of the full spectrum a column of ``rfft2`` stands for."""
    column = torch.arange(width // 2 + 1, device=device)
    return 2.0 - ((column == 0) | (2 * column == width)).float()


def _odd(phase: Tensor, width: int) -> Tensor:
    """``phase`` such that a real picture has it: opposite frequencies, in the outer columns, have opposite phases."""
    columns = list(torch.split(phase, 1, dim=-1))
    for place in {0, len(columns) - 1} if width % 2 == 0 else {0}:
        opposite = columns[place].flip(-2).roll(1, dims=-2)
        columns[place] = (columns[place] - opposite) / 2
    return torch.cat(columns, dim=-1)
