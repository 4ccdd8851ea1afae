"""What may change, and how it becomes a picture."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from deepdream.ascent.color import correlate, decorrelate
from deepdream.ascent.resampling import resize


class Parameterization(Protocol):
    """A way to write a picture (B, 3, H, W) in [0, 1] as numbers that are free to move."""

    def encode(self, image: Tensor) -> Tensor:
        """The parameters of ``image``."""

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        """The picture of ``parameters``, in [0, 1]; differentiable."""

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:
        """The change of the parameters that a change ``direction`` of the picture asks for."""

    def project(self, parameters: Tensor) -> Tensor:
        """The nearest parameters that mean a legal picture."""

    def start(self, count: int, height: int, width: int, chance: torch.Generator) -> Tensor:
        """Random parameters of ``count`` nearly gray pictures."""


class Pixels:
    """The pixels themselves, clipped after every step."""

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:  # noqa: ARG002
        return parameters

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:  # noqa: ARG002
        return direction

    def project(self, parameters: Tensor) -> Tensor:
        return parameters.clamp(0, 1)

    def start(self, count: int, height: int, width: int, chance: torch.Generator) -> Tensor:
        """Gray with noise of standard deviation 0.01, the deviation of lucid's pixel_image."""
        return 0.5 + 0.01 * torch.randn(count, 3, height, width, generator=chance)


class Logit:
    """Pixels before a sigmoid: a step moves mid grays most and can hardly push a pixel into black or white.

    The picture is squeezed into [margin, 1 - margin] first, so that black and white have finite logits, and
    comes back unsqueezed: what is not changed returns exactly. A direction is applied as it is, times 4, the
    inverse slope at mid gray: there a step of 0.02 is a change of 0.02.
    """

    def __init__(self, margin: float = 0.002) -> None:
        self.margin = margin

    def encode(self, image: Tensor) -> Tensor:
        return torch.logit(self.margin + (1 - 2 * self.margin) * image)

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:  # noqa: ARG002
        return ((torch.sigmoid(parameters) - self.margin) / (1 - 2 * self.margin)).clamp(0, 1)

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:  # noqa: ARG002
        return 4 * direction

    def project(self, parameters: Tensor) -> Tensor:
        return parameters

    def start(self, count: int, height: int, width: int, chance: torch.Generator) -> Tensor:
        """Noise of standard deviation 0.01 before the sigmoid, as lucid's pixel_image."""
        return 0.01 * torch.randn(count, 3, height, width, generator=chance)


class Fourier:
    """The spectrum of decorrelated colors before a sigmoid; low frequencies move as easily as high ones.

    Source: Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill, and lucid's fft_image: the scale
    is sqrt(H W) / max(f, 1 / max(H, W)), ``irfft2`` is normalized backward, and the result is divided by 4.
    Parameters are (B, 3, H, W // 2 + 1, 2): real and imaginary parts.
    """

    def encode(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        spectrum = torch.fft.rfft2(decorrelate(torch.logit(0.01 + 0.98 * image)) * 4)
        return torch.view_as_real(spectrum / self._scale(height, width, image.device))

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        spectrum = torch.view_as_complex(parameters) * self._scale(height, width, parameters.device)
        signal = torch.fft.irfft2(spectrum, s=(height, width)) / 4
        return ((torch.sigmoid(correlate(signal)) - 0.01) / 0.98).clamp(0, 1)

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:
        height, width = direction.shape[-2:]
        with torch.enable_grad():
            free = parameters.detach().requires_grad_()
            (moved,) = torch.autograd.grad(self.decode(free, height, width), free, direction)
        return moved

    def project(self, parameters: Tensor) -> Tensor:
        return parameters

    def start(self, count: int, height: int, width: int, chance: torch.Generator) -> Tensor:
        """Coefficients of standard deviation 0.01."""
        return 0.01 * torch.randn(count, 3, height, width // 2 + 1, 2, generator=chance)

    @staticmethod
    def _scale(height: int, width: int, device: torch.device) -> Tensor:
        rows = torch.fft.fftfreq(height, device=device)[:, None]
        columns = torch.fft.rfftfreq(width, device=device)[None, :]
        frequency = torch.hypot(rows, columns).clamp_min(1.0 / max(height, width))
        scale: Tensor = (height * width) ** 0.5 / frequency
        return scale


PARAMETERIZATIONS: dict[str, Parameterization] = {"pixels": Pixels(), "logit": Logit(), "fourier": Fourier()}


def move_detail(
    parameterization: Parameterization,
    parameters: Tensor,
    base: Tensor,
    larger: Tensor,
    *,
    how: str = "bicubic",
) -> Tensor:
    """The parameters at a larger size: what the dream added to ``base``, enlarged and laid onto ``larger``.

    The sharp original is taken anew at every size, so the photograph's own detail is never blurred.
    """
    height, width = larger.shape[-2:]
    if isinstance(parameterization, Fourier):
        dreamed = parameterization.decode(parameters, *base.shape[-2:])
        return parameterization.encode((larger + resize(dreamed - base, height, width, how=how)).clamp(0, 1))
    detail = parameters - parameterization.encode(base)
    return parameterization.encode(larger) + resize(detail, height, width, how=how)
