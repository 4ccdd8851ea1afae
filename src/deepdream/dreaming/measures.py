"""Numbers about a dreamed picture: is there a checkerboard, hiss, a neon wash, burnt sky?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from deepdream.ascent.tiling import blocks
from deepdream.dreaming.distance import structural_similarity

_WINDOW, _BLOCK = 32, 1024
_WINDOW_ROWS = 8  # of windows that are looked at together


@dataclass(frozen=True)
class Measures:
    """What a dream did to a picture.

    Attributes:
        strength: Root mean square of the change (pictures in [0, 1]).
        high_frequency_share: Share of the change's energy above 0.25 cycle per pixel: hiss.
        checkerboard: The change's power at the Nyquist points over that of their neighborhood: 1 is none.
        chroma_share: Share of the change's energy that is not gray.
        newly_clipped: Share of pixels with a channel at 0 or 255 that were not so before.
        ssim: Structural similarity of the gray pictures: 1 is the same picture.
        mean_alpha: How opaque a transparent picture is on average; None where it has no opacity of its own.
    """

    strength: float
    high_frequency_share: float
    checkerboard: float
    chroma_share: float
    newly_clipped: float
    ssim: float = 1.0
    mean_alpha: float | None = None

    def warnings(self) -> list[str]:
        """What went wrong with the picture, in words; empty where all is well."""
        words = []
        if self.checkerboard > 1.5:
            words.append(f"a checkerboard shows (Nyquist peak {self.checkerboard:.1f}): smooth the gradient")
        if self.high_frequency_share > 0.06:
            words.append(f"hiss: {self.high_frequency_share:.0%} of the change is above 0.25 cycle per pixel")
        if self.chroma_share > 0.35:
            words.append(f"neon: {self.chroma_share:.0%} of the change is color; raise --color")
        if self.newly_clipped > 0.05:
            words.append(f"{self.newly_clipped:.0%} of the pixels were newly clipped; lower --strength")
        return words

    def to_dict(self) -> dict[str, float]:
        return {name: round(value, 6) for name, value in asdict(self).items() if value is not None}


def measure(before: Tensor, after: Tensor) -> Measures:
    """Compare two pictures (1, 3, H, W) in [0, 1] of the same size.

    Large ones are looked at in blocks of at most 1024 pixels a side, in float64, and their sums added up, so
    that the memory needed does not grow with the picture.
    """
    sums = _Sums()
    height, width = after.shape[-2:]
    for box in blocks(height, width, _BLOCK):
        sums.add(box.of(before).double(), box.of(after).double())
    energy = max(sums.energy, 1e-30)
    return Measures(
        strength=math.sqrt(sums.energy / after.numel()),
        high_frequency_share=sums.high / max(sums.power, 1e-30),
        checkerboard=max((_peak(around) for around in sums.around), default=1.0),
        chroma_share=1 - sums.gray / energy,
        newly_clipped=sums.clipped * 3 / after.numel(),
        ssim=structural_similarity(before, after),
    )


class _Sums:
    """What is added up over the blocks of a picture."""

    def __init__(self) -> None:
        self.energy = self.gray = self.power = self.high = self.clipped = 0.0
        self.around: list[_Around] = []

    def add(self, before: Tensor, after: Tensor) -> None:
        change = after - before
        power, high = _spectrum(change)
        self.energy += float(change.square().sum())
        self.gray += 3 * float(change.mean(dim=1).square().sum())
        self.power += power
        self.high += high
        self.clipped += float((_clipped(after) & ~_clipped(before)).sum())
        self.around = _added(self.around, _nyquist(change))


def _spectrum(change: Tensor) -> tuple[float, float]:
    """The energy of ``change`` in all, and above 0.25 cycle per pixel."""
    height, width = change.shape[-2:]
    power = torch.fft.fft2(change).abs().square().sum(dim=(0, 1)) / (height * width)
    rows, columns = torch.fft.fftfreq(height), torch.fft.fftfreq(width)
    high = torch.hypot(rows[:, None], columns[None, :]) > 0.25
    return float(power.sum()), float(power[high].sum())


@dataclass(frozen=True)
class _Around:
    """The 5x5 square around a frequency: the sum over windows, each brought to the same level, and their number."""

    total: Tensor
    count: int


def _nyquist(change: Tensor) -> list[_Around]:
    """The surroundings of the three Nyquist points in overlapping windows of 32 pixels; none where it is smaller.

    Powers are averaged over windows (Welch 1967), since one spectrum alone is mostly chance.
    """
    side = min(_WINDOW, *change.shape[-2:])
    side -= side % 2
    if side < 8:
        return []
    stride, height = side // 2, change.shape[-2]
    around: list[_Around] = []
    for top in range(0, height - side + 1, stride * _WINDOW_ROWS):
        bottom = min(height, top + stride * (_WINDOW_ROWS - 1) + side)
        around = _added(around, _in_windows(change[..., top:bottom, :], side, stride))
    return around


def _in_windows(change: Tensor, side: int, stride: int) -> list[_Around]:
    tiles = change.unfold(2, side, stride).unfold(3, side, stride)
    taper = torch.hann_window(side, periodic=True, dtype=change.dtype)
    tiles = (tiles - tiles.mean(dim=(-1, -2), keepdim=True)) * taper[:, None] * taper[None, :]
    power = torch.fft.fft2(tiles).abs().square().flatten(0, -3)
    half = side // 2
    return [_surroundings(power, *at) for at in ((half, 0), (0, half), (half, half))]


def _surroundings(power: Tensor, row: int, column: int) -> _Around:
    """From ``power`` (windows, rows, columns); windows without energy there are left out."""
    around = torch.roll(power, (2 - row, 2 - column), dims=(1, 2))[:, :5, :5]
    level = around.mean(dim=(1, 2), keepdim=True)
    strong = level.flatten() > 1e-12 * level.max()
    scaled = (around / level.clamp_min(1e-30))[strong]
    return _Around(scaled.sum(dim=0), int(strong.sum()))


def _added(so_far: list[_Around], more: list[_Around]) -> list[_Around]:
    if not (so_far and more):
        return so_far or more
    return [_Around(a.total + b.total, a.count + b.count) for a, b in zip(so_far, more, strict=True)]


def _peak(around: _Around) -> float:
    """The power at the middle over the median of the square; 1 where there was nothing to look at."""
    if around.count == 0 or not around.total.isfinite().all():
        return 1.0
    return float(around.total[2, 2] / around.total.median().clamp_min(1e-30))


def _clipped(image: Tensor) -> Tensor:
    levels = (image * 255).round()
    return ((levels <= 0) | (levels >= 255)).any(dim=1)
