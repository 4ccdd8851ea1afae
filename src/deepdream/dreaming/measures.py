"""Numbers about a dreamed picture: is there a checkerboard, hiss, a neon wash, burnt sky?"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from deepdream.tensors import root_mean_square

_WINDOW = 32


@dataclass(frozen=True)
class Measures:
    """What a dream did to a picture.

    Attributes:
        strength: Root mean square of the change (pictures in [0, 1]).
        high_frequency_share: Share of the change's energy above 0.25 cycle per pixel: hiss.
        checkerboard: The change's power at the Nyquist points over that of their neighborhood: 1 is none.
        chroma_share: Share of the change's energy that is not gray.
        newly_clipped: Share of pixels with a channel at 0 or 255 that were not so before.
    """

    strength: float
    high_frequency_share: float
    checkerboard: float
    chroma_share: float
    newly_clipped: float

    def warnings(self) -> list[str]:
        """What went wrong with the picture, in words; empty where all is well."""
        found = []
        if self.checkerboard > 1.5:
            found.append(f"a checkerboard shows (Nyquist peak {self.checkerboard:.1f}): smooth the gradient")
        if self.high_frequency_share > 0.06:
            found.append(f"hiss: {self.high_frequency_share:.0%} of the change is above 0.25 cycle per pixel")
        if self.chroma_share > 0.35:
            found.append(f"neon: {self.chroma_share:.0%} of the change is color; raise --color")
        if self.newly_clipped > 0.05:
            found.append(f"{self.newly_clipped:.0%} of the pixels were newly clipped; lower --strength")
        return found

    def to_dict(self) -> dict[str, float]:
        return {name: round(value, 6) for name, value in asdict(self).items()}


def measure(before: Tensor, after: Tensor) -> Measures:
    """Compare two pictures (1, 3, H, W) in [0, 1] of the same size."""
    before, after = before.double(), after.double()
    change = after - before
    return Measures(
        strength=root_mean_square(change),
        high_frequency_share=_high_frequency_share(change),
        checkerboard=_checkerboard(change),
        chroma_share=_chroma_share(change),
        newly_clipped=_newly_clipped(before, after),
    )


def _high_frequency_share(change: Tensor) -> float:
    height, width = change.shape[-2:]
    power = torch.fft.fft2(change).abs().square().sum(dim=(0, 1))
    rows, columns = torch.fft.fftfreq(height), torch.fft.fftfreq(width)
    high = torch.hypot(rows[:, None], columns[None, :]) > 0.25
    return float(power[high].sum() / power.sum().clamp_min(1e-30))


def _checkerboard(change: Tensor) -> float:
    """The largest of the three Nyquist points, each over the median of the 5x5 square around it.

    Powers are averaged over overlapping windows (Welch 1967), since one spectrum alone is mostly chance.
    """
    side = min(_WINDOW, *change.shape[-2:])
    side -= side % 2
    if side < 8:
        return 1.0
    tiles = change.unfold(2, side, max(1, side // 2)).unfold(3, side, max(1, side // 2))
    taper = torch.hann_window(side, periodic=True, dtype=change.dtype)
    tiles = (tiles - tiles.mean(dim=(-1, -2), keepdim=True)) * taper[:, None] * taper[None, :]
    power = torch.fft.fft2(tiles).abs().square().flatten(0, -3)
    half = side // 2
    return max(_peak(power, row, column) for row, column in ((half, 0), (0, half), (half, half)))


def _peak(power: Tensor, row: int, column: int) -> float:
    """``power`` (windows, rows, columns) at one frequency, over the median of the 5x5 square around it.

    Every window is first brought to the same level there, or a few strong ones would make chance look large.
    """
    around = torch.roll(power, (2 - row, 2 - column), dims=(1, 2))[:, :5, :5]
    level = around.mean(dim=(1, 2), keepdim=True)
    around = (around / level.clamp_min(1e-30))[level.flatten() > 1e-12 * level.max()].mean(dim=0)
    return float(around[2, 2] / around.median().clamp_min(1e-30)) if around.isfinite().all() else 1.0


def _chroma_share(change: Tensor) -> float:
    gray = change.mean(dim=1, keepdim=True).expand_as(change)
    return float(1 - gray.square().sum() / change.square().sum().clamp_min(1e-30))


def _newly_clipped(before: Tensor, after: Tensor) -> float:
    def clipped(image: Tensor) -> Tensor:
        levels = (image * 255).round()
        return ((levels <= 0) | (levels >= 255)).any(dim=1)

    return float((clipped(after) & ~clipped(before)).double().mean())
