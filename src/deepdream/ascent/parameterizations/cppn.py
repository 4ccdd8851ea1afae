"""A small network that computes the color of a pixel from its coordinates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from deepdream.ascent.parameterizations.protocol import Squashed, chain_rule, register
from deepdream.errors import UsageError

_LAYERS, _CHANNELS = 8, 24
# Root mean squares of arctan(x) and arctan(x)^2 for normal x, which keep the layers at unit size.
_ODD, _EVEN = 0.67, 0.6


@register("cppn")
class CPPN(Squashed):
    """A compositional pattern producing network: coordinates in, colors out, weights free to move.

    It has no pixels: the same parameters paint any size, with smooth lines that never blur. Eight layers of 24
    channels, each followed by arctan(x) / 0.67 beside arctan(x)^2 / 0.6, then a sigmoid. The coordinates of the
    longer side run from -sqrt(3) to sqrt(3) (unit deviation). Parameters are (B, N): weights and biases, layer
    after layer. A photograph has no such weights, so a dream in it starts from noise.

    Source: Mordvintsev, Pezzotti, Schubert, Olah 2018, Differentiable Image Parameterizations, Distill; lucid's
    cppn; the networks are Stanley's (2007).
    """

    exact = False
    pixelwise = False

    def encode(self, image: Tensor) -> Tensor:
        """Raises UsageError: no weights are known for a picture."""
        size = f"{image.shape[-1]}x{image.shape[-2]}"
        raise UsageError(f"No weights are known that paint a given picture ({size}): start from noise.")

    def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
        longest = max(height, width)
        rows, columns = (math.sqrt(3) * side / longest for side in (height, width))
        y = torch.linspace(-rows, rows, height, device=parameters.device)[:, None].expand(height, width)
        x = torch.linspace(-columns, columns, width, device=parameters.device)[None, :].expand(height, width)
        place = torch.stack([x, y], dim=-1).reshape(1, height * width, 2).to(parameters.dtype)
        # baddbmm takes the bias along: a sum apart would hold another copy of every layer.
        value = place.expand(len(parameters), -1, -1)
        *hidden, (weight, bias) = self._layers(parameters)
        for inner, shift in hidden:
            angle = torch.atan(torch.baddbmm(shift, value, inner))
            value = torch.cat([angle / _ODD, angle.square() / _EVEN], dim=2)
        colors = torch.baddbmm(bias, value, weight)
        return self.palette.squash(colors.transpose(1, 2).reshape(-1, self.palette.channels, height, width))

    def pull_back(self, parameters: Tensor, direction: Tensor) -> Tensor:
        """One picture at a time: a pixel takes four kilobytes in the backward pass."""
        parts = zip(torch.split(parameters, 1), torch.split(direction, 1), strict=True)
        return torch.cat([chain_rule(self, own, way) for own, way in parts])

    def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:  # noqa: ARG002
        """Weights of unit gain, biases of standard deviation 0.1, a last layer of zero weights: an even gray."""
        parts = []
        for number, (inputs, outputs) in enumerate(self._shapes):
            gain = 0.0 if number == _LAYERS else inputs**-0.5
            parts.append(gain * torch.randn(count, inputs * outputs, generator=rng))
            parts.append(0.1 * torch.randn(count, outputs, generator=rng))
        return torch.cat(parts, dim=1)

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        """Inputs and outputs of every layer."""
        inner = [(2 * _CHANNELS, _CHANNELS)] * (_LAYERS - 1)
        return [(2, _CHANNELS), *inner, (2 * _CHANNELS, self.palette.channels)]

    def _layers(self, parameters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Weights (B, inputs, outputs) and biases (B, 1, outputs) of every layer."""
        sizes = [size for inputs, outputs in self._shapes for size in (inputs * outputs, outputs)]
        parts = torch.split(parameters, sizes, dim=1)
        return [
            (weight.reshape(-1, *shape), bias[:, None, :])
            for weight, bias, shape in zip(parts[::2], parts[1::2], self._shapes, strict=True)
        ]
