"""Only the phases of the spectrum are optimized: its magnitudes are those of photographs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor

from deepdream.ascent.parameterizations.fourier import Fourier, radial_frequency
from deepdream.ascent.parameterizations.palette import Palette
from deepdream.ascent.parameterizations.protocol import Squashed, register
from deepdream.ascent.resampling import resize_picture
from deepdream.errors import UsageError
from deepdream.plan import Magnitudes

_FAINT = 1e-3  # a magnitude that only rounding has; those of photographs are above 5
_SIDE = 256  # of the squares on which magnitudes are measured
_EDGES = torch.logspace(math.log10(3 / _SIDE), math.log10(0.5), 17)  # of the rings, in cycles per pixel

# How photographs are, for each color before the sigmoid: the magnitude falls as frequency ** -exponent, and the
# deviations compare like this. ``measure_magnitudes`` of the seven photographs in images/ at 256 pixels;
# tests/ascent/test_parameterizations.py measures them again.
_DECORRELATED = Magnitudes((1.258, 1.272, 1.042), (0.933, 1.159, 0.887))
_PLAIN = Magnitudes((1.32, 1.252, 1.196), (1.09, 0.91, 0.991))
#: Phases turn by radians where the coefficients of opacity move by hundredths: the rate suits the phases.
_SHARE = 0.2


@register("maco")
class MACO(Squashed):
    """The phase of each frequency of the colors; the magnitudes are those of photographs.

    A frequency cannot become stronger and can only move, so neither grain nor glare can take over. Parameters are
    (B, 3, H, W // 2 + 1), in radians. A given photograph has magnitudes of its own, so a dream in it starts from
    noise; ``encode`` keeps its phases only. Opacity has no photographs to be like: it is a free spectrum as in
    ``Fourier``, whose real and imaginary parts stand behind the phases.

    Source: Fel et al. 2023, Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization, arXiv:2306.06805. They take the mean magnitudes of ImageNet, at unit deviation; so here, but for a
    smooth fit in their place.
    """

    exact = False
    pixelwise = False

    def __init__(self, palette: Palette = Palette(), magnitudes: Magnitudes | None = None) -> None:  # noqa: B008
        super().__init__(palette)
        self.magnitudes = magnitudes or (_DECORRELATED if palette.decorrelated else _PLAIN)
        self._opacity = Fourier()

    def encode(self, image: Tensor) -> Tensor:
        """The phases of ``image``."""
        signal = self.palette.unsquash(image)
        phases: Tensor = torch.fft.rfft2(signal[:, :3]).angle()
        if not self.palette.opacity:
            return phases
        opacity = self._opacity.spectrum(signal[:, 3:]) / _SHARE
        return torch.cat([phases, *opacity.unbind(dim=-1)], dim=1)

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        return self.palette.squash(self.signal(parameters, height, width))

    def signal(self, parameters: Tensor, height: int, width: int) -> Tensor:
        """What comes before the sigmoid, (B, C, H, W)."""
        phases = parameters[:, :3]
        sizes = magnitude(self.magnitudes, height, width, parameters.device).to(parameters.dtype)
        # irfft2 ignores what is not antisymmetric there, and the magnitudes would no longer be those that
        # are given.
        columns = list(torch.split(phases, 1, dim=-1))
        for place in {0, len(columns) - 1} if width % 2 == 0 else {0}:
            opposite = columns[place].flip(-2).roll(1, dims=-2)
            columns[place] = (columns[place] - opposite) / 2
        spectrum = torch.polar(sizes.expand_as(phases), torch.cat(columns, dim=-1))
        signal: Tensor = torch.fft.irfft2(spectrum, s=(height, width))
        if not self.palette.opacity:
            return signal
        coefficients = _SHARE * torch.stack([parameters[:, 3:4], parameters[:, 4:5]], dim=-1)
        return torch.cat([signal, self._opacity.signal(coefficients, height, width)], dim=1)

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
        """Phases that are uniform over the circle, which looks like clouds."""
        shape = (count, 3, height, width // 2 + 1)
        phases = math.pi * (2 * torch.rand(shape, generator=rng) - 1)
        if not self.palette.opacity:
            return phases
        opacity = 0.01 / _SHARE * torch.randn(count, 2, *shape[2:], generator=rng)
        return torch.cat([phases, opacity], dim=1)


def magnitude(magnitudes: Magnitudes, height: int, width: int, device: torch.device) -> Tensor:
    """(3, H, W // 2 + 1): of the coefficients of ``rfft2``; none for the mean, which is gray."""
    frequency = radial_frequency(height, width, device)
    exponents = torch.tensor(magnitudes.exponents, device=device)[:, None, None]
    shape = frequency.clamp_min(1.0 / max(height, width)) ** -exponents * (frequency > 0)
    # By Parseval's theorem: the magnitudes are scaled so that the picture has the deviation that is given.
    column = torch.arange(width // 2 + 1, device=device)
    energy = (shape.square() * (2.0 - ((column == 0) | (2 * column == width)).float())).sum(
        dim=(1, 2), keepdim=True
    )
    deviations = torch.tensor(magnitudes.deviations, device=device)[:, None, None]
    return deviations * height * width * shape / energy.sqrt().clamp_min(1e-12)


def measure_magnitudes(pictures: Iterable[Tensor], *, decorrelated: bool = True) -> Magnitudes:
    """The magnitudes of photographs (1, 3, H, W), from the square in the middle, at 256 pixels.

    The magnitude under a Hann window, which keeps the borders from adding frequencies, is averaged over the
    pictures in 16 rings from 3 cycles per picture to half a cycle per pixel; the exponent is the slope of a line
    through them on logarithmic axes. The deviations are the pictures' mean, over their root mean square.

    Raises:
        UsageError: no pictures, pictures below 256 pixels a side, or of one even color, which have no spectrum.
    """
    palette = Palette(decorrelated=decorrelated)
    measures = [_rings_and_deviation(palette.unsquash(_middle(picture))) for picture in pictures]
    if not measures:
        raise UsageError("Magnitudes are measured on pictures, and there are none.")
    sizes, deviations = (torch.stack(parts).mean(dim=0) for parts in zip(*measures, strict=True))
    if float(sizes.min()) < _FAINT:
        raise UsageError("These pictures hold no detail in some color: take photographs.")
    middles = (_EDGES[:-1] * _EDGES[1:]).sqrt().log()
    line = torch.stack([middles, torch.ones_like(middles)], dim=1)
    slopes = torch.linalg.lstsq(line, sizes.log()).solution[0]
    deviations = deviations / deviations.square().mean().sqrt()
    first, second = (tuple(round(float(value), 3) for value in values) for values in (-slopes, deviations))
    return Magnitudes(first, second)


def _middle(picture: Tensor) -> Tensor:
    """The square in the middle of (1, 3, H, W), at 256 pixels."""
    height, width = picture.shape[-2:]
    side = min(height, width)
    if side < _SIDE:
        raise UsageError(
            f"Magnitudes are measured on pictures of {_SIDE} pixels a side or more, not {width}x{height}."
        )
    top, left = (height - side) // 2, (width - side) // 2
    return resize_picture(picture[..., top : top + side, left : left + side], _SIDE, _SIDE)


def _rings_and_deviation(signal: Tensor) -> tuple[Tensor, Tensor]:
    """The root mean square magnitude (16, 3) in each ring, and the deviation (3,), of (1, 3, S, S)."""
    window = torch.hann_window(_SIDE)
    flat = (signal - signal.mean(dim=(2, 3), keepdim=True)) * window[:, None] * window
    power = torch.fft.rfft2(flat).abs().square()[0]
    frequency = radial_frequency(_SIDE, _SIDE, signal.device)
    rings = [(frequency >= low) & (frequency < high) for low, high in pairwise(_EDGES)]
    return torch.stack([power[:, ring].mean(dim=1).sqrt() for ring in rings]), signal.std(dim=(2, 3))[0]
