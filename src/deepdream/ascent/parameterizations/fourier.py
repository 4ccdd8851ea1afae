"""The parameterization by the spectrum of a picture."""

from __future__ import annotations

import torch
from torch import Tensor

from deepdream.ascent.parameterizations.protocol import Squashed, register


@register("fourier")
class Fourier(Squashed):
    """The spectrum of decorrelated colors before a sigmoid; low frequencies move as easily as high ones.

    Source: Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill, and lucid's fft_image: the scale
    is sqrt(H W) / max(f, 1 / max(H, W)), ``irfft2`` is normalized backward, and the result is divided by 4.
    Parameters are (B, C, H, W // 2 + 1, 2): real and imaginary parts.
    """

    def encode(self, image: Tensor) -> Tensor:
        return self.spectrum(self.palette.unsquash(image))

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        return self.palette.squash(self.signal(parameters, height, width))

    def spectrum(self, signal: Tensor) -> Tensor:
        """The parameters of a signal (B, C, H, W)."""
        height, width = signal.shape[-2:]
        spectrum = torch.fft.rfft2(signal * 4)
        return torch.view_as_real(spectrum / self._scale(height, width, signal.device))

    def signal(self, parameters: Tensor, height: int, width: int) -> Tensor:
        """What comes before the sigmoid, (B, C, H, W); the inverse of ``spectrum``."""
        spectrum = torch.view_as_complex(parameters) * self._scale(height, width, parameters.device)
        signal: Tensor = torch.fft.irfft2(spectrum, s=(height, width)) / 4
        return signal

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
        """Coefficients of standard deviation 0.01."""
        return 0.01 * torch.randn(count, self.palette.channels, height, width // 2 + 1, 2, generator=rng)

    @staticmethod
    def _scale(height: int, width: int, device: torch.device) -> Tensor:
        # The mean has frequency 0: it is scaled as the lowest frequency.
        floor = 1.0 / max(height, width)
        scale: Tensor = (height * width) ** 0.5 / radial_frequency(height, width, device).clamp_min(floor)
        return scale


def radial_frequency(height: int, width: int, device: torch.device) -> Tensor:
    """(H, W // 2 + 1): how far each coefficient of ``rfft2`` lies from the mean, in cycles per pixel."""
    rows = torch.fft.fftfreq(height, device=device)[:, None]
    columns = torch.fft.rfftfreq(width, device=device)[None, :]
    return torch.hypot(rows, columns)
