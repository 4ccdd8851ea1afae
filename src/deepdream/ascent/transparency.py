"""Pictures with opacity: the background they are laid on, and what keeps their own background transparent.

A picture (B, 4, H, W) has its colors and, last, its opacity. At every step it is laid over a new random ground, so
that what it shows must stand out from anything; and opacity is held down, so that only what the objective needs stays.

Source: Mordvintsev, Pezzotti, Schubert, Olah 2018, Differentiable Image Parameterizations, Distill, and lucid's
notebook of it. There the objective is multiplied by one minus the mean opacity. Here the squared mean is subtracted, in
units of the objective's own pull on the opacity of a typical pixel, which fits objectives of any size and sign.
"""

from __future__ import annotations

import torch
from torch import Tensor

from deepdream.ascent.gradient_filters import blur
from deepdream.ascent.parameterizations.fourier import Fourier
from deepdream.ascent.parameterizations.palette import Palette

_CONTRAST = 0.5  # standard deviation of a ground before the sigmoid, as in lucid
_ROUGHNESS = 5.0  # how strongly opacity is drawn to its blurred self
_WIDTH = 4.0  # of that blur, in pixels


def laid_over(picture: Tensor, ground: Tensor) -> Tensor:
    """(B, 3, H, W): ``picture`` (B, 4, H, W) seen on ``ground``, colors that can be broadcast to it."""
    colors, opacity = picture[:, :3], picture[:, 3:]
    return opacity * colors + (1 - opacity) * ground


def on_random_ground(picture: Tensor, rng: torch.Generator) -> Tensor:
    """(B, 3, H, W): ``picture`` (B, 4, H, W) on a ground drawn now, the same for all of the batch."""
    return laid_over(picture, random_ground(picture.shape[-2], picture.shape[-1], rng).to(picture))


def random_ground(height: int, width: int, rng: torch.Generator) -> Tensor:
    """(1, 3, H, W) in [0, 1]: smooth colored clouds, whose amplitude falls as their frequency rises."""
    kind = Fourier()
    signal = kind.signal(kind.start(1, height, width, rng), height, width)
    # Scaled to one contrast, whatever the size of the picture.
    size = signal.square().mean().sqrt().clamp_min(1e-12)
    return Palette().squash(_CONTRAST * signal / size)


def held_down(pull: Tensor, opacity: Tensor, weight: float) -> Tensor:
    """The direction of ``opacity`` (B, 1, H, W): the objective's ``pull`` less ``weight`` times the penalty's.

    The penalty is the squared mean, so the less opacity remains the less it is reduced. The mean is weighted by
    ``outskirts``. Opacity is also drawn to its blurred self (lucid's ``blur_alpha_each_step``). The unit of both is
    the root mean square of the pull.
    """
    # Relative to the pull, so that one weight fits objectives of any size.
    unit = pull.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    slope = 2 * opacity.mean(dim=(1, 2, 3), keepdim=True)
    mean = weight * slope * outskirts(*pull.shape[-2:]).to(pull)
    return pull - unit * (mean + _ROUGHNESS * (opacity - blur(opacity, _WIDTH)))


def outskirts(height: int, width: int) -> Tensor:
    """(H, W) weights of mean one, small in the middle and steep to the borders, that bring the object to the middle.

    With r the distance from the middle, 1 at the middle of each side: 0.25 + 0.75 r^4 over its mean, 28/45.
    """
    rows, columns = (torch.linspace(-1, 1, side) if side > 1 else torch.zeros(1) for side in (height, width))
    distance = (rows[:, None].square() + columns.square()).square()
    return 0.25 + 0.75 * distance / (28 / 45)
