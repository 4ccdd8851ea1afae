"""The channels of a signal before the sigmoid: colors, and opacity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepdream.ascent.color_correlation import correlate, decorrelate

#: Opacity moves so many times as fast as colors: it starts at one half and has to reach zero.
_STEEPNESS = 2.0


@dataclass(frozen=True)
class Palette:
    """How a signal becomes a picture, and back: a sigmoid whose ends lie just outside [0, 1].

    Attributes:
        decorrelated: Whether the colors are on the decorrelated axes of photographs, or plain red, green and blue.
        opacity: Whether a fourth channel says how opaque the picture is.
    """

    decorrelated: bool = True
    opacity: bool = False

    @property
    def channels(self) -> int:
        return 4 if self.opacity else 3

    def squash(self, signal: Tensor) -> Tensor:
        """The picture (B, C, H, W) in [0, 1] of a signal of any size."""
        colors, opacity = signal[:, :3], _STEEPNESS * signal[:, 3:]
        mixed = correlate(colors) if self.decorrelated else colors
        channels = torch.cat([mixed, opacity], dim=1) if self.opacity else mixed
        # Ends outside [0, 1], so that pure black and white have finite signals.
        image = (torch.sigmoid(channels) - 0.01) / 0.98
        return _kept_alive(image) if self.opacity else image.clamp(0, 1)

    def unsquash(self, image: Tensor) -> Tensor:
        """The signal of ``image``; the inverse of ``squash``."""
        channels = torch.logit(0.01 + 0.98 * image)
        mixed, opacity = channels[:, :3], channels[:, 3:] / _STEEPNESS
        colors = decorrelate(mixed) if self.decorrelated else mixed
        return torch.cat([colors, opacity], dim=1) if self.opacity else colors


def _kept_alive(image: Tensor) -> Tensor:
    """Clamped to [0, 1]; the slope of opacity (the last channel) is that before: what vanished can come back."""
    colors, opacity = image[:, :3], image[:, 3:]
    return torch.cat([colors.clamp(0, 1), opacity + (opacity.clamp(0, 1) - opacity).detach()], dim=1)
