"""The small part of a picture that is enough: a mask of fixed area, found by gradient ascent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.attribution.baselines import blur
from deepdream.attribution.method_options import Meaning
from deepdream.attribution.registry import Budgeted, register
from deepdream.attribution.score_function import ScoreFunction

#: Pixels between the mask's numbers, and between the positions where it is smoothed (at 224).
_GRID, _COARSE = 7, 4
#: The root mean square that the score's slope is scaled to, and below which it counts as flat.
_PULL, _FLAT = 0.5, 1e-30
#: Of the area at the start, against that slope; it grows by GROWTH to the end.
PRESSURE, GROWTH = 30.0, 100.0
#: The reach of a number in pixels (at 224), and how close the smooth maximum is to the maximum.
_SIGMA, _SHARPNESS = 21.0, 20.0
#: The strongest blur in pixels (at 224), and how many levels lie between it and the picture.
_BLUR, _LEVELS = 20.0, 8

Area = Annotated[float, Meaning("Share of the picture that stays visible.", above=0, below=1)]
AscentSteps = Annotated[int, Meaning("Steps of gradient ascent; more of them are shorter.", least=1)]


@register(
    "extremal-perturbation",
    question="Which tenth of the picture keeps the score highest when the rest is blurred?",
    paper="Fong, Patrick, Vedaldi 2019, Extremal Perturbations and Smooth Masks, arXiv:1910.08485",
    caveat="One solution of a search: another area or another start gives another.",
    family="perturbation",
    cost="steps forwards, steps backwards",
    signed=False,
    unit="visible share",
    budgeted=Budgeted("steps", "backward", units=1.5, alone=True),
)
def extremal_perturbation(
    score_function: ScoreFunction, *, area: Area = 0.1, steps: AscentSteps = 200
) -> Tensor:
    """The mask in [0, 1], above one half on a share ``area``, that preserves the score, after ``steps`` of ascent.

    A pixel is blurred the more the less it is visible; the mask reaches beyond the picture's borders, so that
    what spills over them counts as area and a border is no cheap place. Deviations: the mask is smoothed at
    every fourth pixel and enlarged; it starts nearly full, in the order of the score's first slope; the score's
    slope is scaled to the same size at every step, while the pressure on the area grows hundredfold, so that
    the score decides where the mask goes before the area does, whatever the size of the logits and however
    much steeper they grow on the way; more steps are shorter steps; at the end the mask is leveled,
    see :func:`leveled`.
    """
    shape = _Shape.of(score_function)
    # From the strongest blur to the picture itself: mixing two of these is cheaper than a blur at every step.
    widest = _BLUR * max(score_function.size) / 224
    strengths = (widest * (1 - level / (_LEVELS - 1)) for level in range(_LEVELS))
    levels = torch.cat([blur(score_function.image, strength) for strength in strengths])
    beyond = shape.positions / shape.inside
    values = torch.ones(shape.numbers, device=score_function.image.device)
    pull, _ = _slopes(score_function, values, shape, levels, area / beyond)
    values = (1 + 0.1 * (pull / pull.abs().max().clamp(min=_FLAT) - 1)).clamp(0, 1)
    velocity = torch.zeros_like(values)
    rate = min(0.01, 1 / max(steps, 1))
    for step in range(steps):
        pressure = PRESSURE * GROWTH ** (step / steps)
        pull, push = _slopes(score_function, values, shape, levels, area / beyond)
        if not pull.isfinite().all():  # no step leads from here to a mask: explain() notes the NaN
            return torch.full(score_function.size, torch.nan)
        pull *= _PULL / pull.double().square().mean().sqrt().clamp(min=_FLAT)
        velocity = 0.9 * velocity + pull - pressure * beyond * push
        values = (values + rate * velocity).clamp(0, 1)
    with torch.no_grad():
        return leveled(shape.visible(shape.spread(values))[0, 0].clamp(0, 1), area)


def _slopes(
    score_function: ScoreFunction, values: Tensor, shape: _Shape, levels: Tensor, area: float
) -> tuple[Tensor, Tensor]:
    """The gradients of the score and of the area's error for the mask's numbers."""
    with torch.enable_grad():
        values = values.detach().requires_grad_()
        mask = shape.spread(values)
        score = score_function.score(mix_levels(levels, shape.visible(mask))).sum()
        (pull,) = torch.autograd.grad(score, values, retain_graph=True)
        (push,) = torch.autograd.grad(area_error(mask.flatten(), area), values)
    return pull, push


def mix_levels(levels: Tensor, mask: Tensor) -> Tensor:
    """(1, C, H, W): each pixel between the two levels of the pyramid that its mask in [0, 1] lies between."""
    position = mask.clamp(0, 1) * (len(levels) - 1)
    below = position.detach().floor().clamp(max=len(levels) - 2).long().expand(1, levels.shape[1], -1, -1)
    low, high = levels.gather(0, below), levels.gather(0, below + 1)
    return low + (position - below) * (high - low)


def area_error(mask: Tensor, area: float) -> Tensor:
    """The mean squared distance of the sorted mask from one that is 1 on a share ``area`` and 0 elsewhere."""
    ideal = torch.zeros_like(mask)
    ideal[round((1 - area) * len(mask)) :] = 1
    return (mask.sort().values - ideal).square().mean()


def leveled(mask: Tensor, area: float) -> Tensor:
    """A power of ``mask`` in [0, 1] that is above one half on a share ``area`` of it, in the same order.

    The penalty leaves soft edges where their two sides pull alike: along the tail of a Gaussian, which is
    scaled and not moved, at 0.58 instead of one half, which alone makes a round mask 7 % too large.
    """
    order = mask.flatten().sort().values
    level = float(order[round((1 - area) * (len(order) - 1))].clamp(0.01, 0.999))
    return mask ** (math.log(0.5) / math.log(level))


@dataclass(frozen=True, eq=False)
class _Shape:
    """How numbers on a grid become a smooth mask that reaches beyond the picture.

    Attributes:
        kernel: (positions, near): how much each of the nearest numbers counts at each place, at most 1.
        index: (positions, near): which numbers these are.
        coarse: Rows and columns of positions, of which ``margin`` lie beyond each border.
        inside: Places within the picture.
        full: What a mask of ones gives in the middle.
    """

    kernel: Tensor
    index: Tensor
    numbers: int
    coarse: tuple[int, int]
    margin: int
    inside: int
    full: float
    size: tuple[int, int]

    @classmethod
    def of(cls, score_function: ScoreFunction) -> _Shape:
        size = score_function.size
        pixel = max(size) / 224
        margin = round(_SIGMA / _COARSE)
        positions = [max(1, round(side / pixel / _COARSE)) for side in size]
        rows, columns = (_centers(n, side, margin) for n, side in zip(positions, size, strict=True))
        numbers = [_centers(max(2, round(side / pixel / _GRID)), side, 0) for side in size]
        distance = torch.cdist(torch.cartesian_prod(rows, columns), torch.cartesian_prod(*numbers)) / pixel
        # As in the paper a number keeps its full weight in its own cell, and a Gaussian's beyond.
        weight = torch.exp(-0.5 * ((distance - _GRID).clamp(min=0) / (_SIGMA / 2)) ** 2)
        middle = len(rows) // 2 * len(columns) + len(columns) // 2
        kernel, index = weight.topk(int((weight[middle] > 0.01).sum()), dim=1)
        full = float(_smooth_maximum(kernel[middle : middle + 1]))
        coarse, inside = (len(rows), len(columns)), positions[0] * positions[1]
        kernel, index = kernel.to(score_function.image), index.to(score_function.image.device)
        return cls(kernel, index, weight.shape[1], coarse, margin, inside, full, size)

    @property
    def positions(self) -> int:
        return len(self.kernel)

    def spread(self, values: Tensor) -> Tensor:
        """(1, 1, rows, columns): the smooth maximum of the near numbers, each weakened by its distance."""
        return (_smooth_maximum(self.kernel * values[self.index]) / self.full).reshape(1, 1, *self.coarse)

    def visible(self, mask: Tensor) -> Tensor:
        """(1, 1, H, W): the part of a mask that lies within the picture."""
        rows, columns = (slice(self.margin, n - self.margin) for n in self.coarse)
        return F.interpolate(mask[..., rows, columns], size=self.size, mode="bilinear", align_corners=False)


def _centers(count: int, side: int, margin: int) -> Tensor:
    """Of ``count`` cells of a side, and of ``margin`` more beyond each end."""
    return (torch.arange(-margin, count + margin) + 0.5) * side / count


def _smooth_maximum(weighted: Tensor) -> Tensor:
    return (weighted * (_SHARPNESS * weighted).softmax(dim=1)).sum(dim=1)
