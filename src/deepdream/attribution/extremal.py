"""The small part of a picture that is enough: a mask of fixed area, found by gradient ascent."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.attribution.problem import Problem, blur
from deepdream.attribution.registry import Budgeted, register
from deepdream.errors import UsageError

#: Pixels between the mask's numbers, and between the places where it is smoothed (at 224).
_GRID, _COARSE = 7, 4
#: Of the area at the start; it grows a hundredfold.
PRESSURE = 30.0
_SIGMA, _SHARPNESS = 21.0, 20.0


@register(
    "extremal-perturbation",
    question="Which tenth of the picture keeps the score highest when the rest is blurred?",
    paper="Fong, Patrick, Vedaldi 2019, Extremal Perturbations and Smooth Masks, arXiv:1910.08485",
    caveat="One solution of a search: another area or another start gives another.",
    family="perturbation",
    cost="steps forwards, steps backwards",
    signed=False,
    unit="visible share",
    budgeted=Budgeted("steps", "backward"),
)
def extremal_perturbation(problem: Problem, *, area: float = 0.1, steps: int = 200) -> Tensor:
    """The mask in [0, 1] of share ``area`` that preserves the score, after ``steps`` of ascent.

    Deviations: the picture is mixed with one strong blur instead of a pyramid of eight; the mask is smoothed at
    every fourth pixel and enlarged, and divided by what a full mask gives there, or corners would lead; the
    score is scaled so that its first gradient is 1, and the pressure on the area grows hundredfold, so that
    the score decides where the mask goes before the area does, whatever the size of the logits.
    """
    if not 0 < area < 1:
        raise UsageError(f"area is a share of the picture between 0 and 1, not {area}.")
    blurred = blur(problem.image, 20 * max(problem.size) / 224)
    grid = [max(2, side // _GRID) for side in problem.size]
    kernel = _kernel((grid[0], grid[1]), problem.size).to(problem.image)
    values = torch.full((grid[0] * grid[1],), 0.5, device=problem.image.device)
    first = _slope(problem, values, kernel, blurred, lambda _, score: score)
    unit = float(first.abs().max()) or 1.0
    velocity = torch.zeros_like(values)
    for step in range(steps):
        pressure = PRESSURE * 100 ** (step / steps)

        def reward(mask: Tensor, score: Tensor, pressure: float = pressure) -> Tensor:
            return score / unit - pressure * area_error(mask.flatten(), area)

        velocity = 0.9 * velocity + _slope(problem, values, kernel, blurred, reward)
        values = (values + 0.01 * velocity).clamp(0, 1)
    with torch.no_grad():
        return _smooth_mask(values, kernel, problem.size)[0, 0].clamp(0, 1)


def _slope(
    problem: Problem,
    values: Tensor,
    kernel: Tensor,
    blurred: Tensor,
    reward: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """The gradient of ``reward(mask, score)`` for the mask's numbers."""
    with torch.enable_grad():
        values = values.detach().requires_grad_()
        mask = _smooth_mask(values, kernel, problem.size)
        score = problem.score(problem.image * mask + blurred * (1 - mask)).sum()
        (gradient,) = torch.autograd.grad(reward(mask, score), values)
    return gradient


def area_error(mask: Tensor, area: float) -> Tensor:
    """The mean squared distance of the sorted mask from one that is 1 on a share ``area`` and 0 elsewhere."""
    wanted = torch.zeros_like(mask)
    wanted[round((1 - area) * len(mask)) :] = 1
    return (mask.sort().values - wanted).square().mean()


def _kernel(grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """(places, numbers): how much each number of the mask counts at each place, at most 1."""
    scale = max(size) / 224
    places = _centers((max(1, size[0] // _COARSE), max(1, size[1] // _COARSE)), size)
    distance = torch.cdist(places, _centers(grid, size))
    # As in the paper a number keeps its full weight in its own cell, and a Gaussian's beyond.
    return torch.exp(-0.5 * ((distance - _GRID * scale).clamp(min=0) / (_SIGMA * scale / 2)) ** 2)


def _centers(grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    rows, columns = ((torch.arange(n) + 0.5) * side / n for n, side in zip(grid, size, strict=True))
    return torch.cartesian_prod(rows, columns).float()


def _smooth_mask(values: Tensor, kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 1, H, W): the smooth maximum of the numbers, each weakened by its distance."""
    largest = _smooth_maximum(kernel * values) / _smooth_maximum(kernel)
    coarse = largest.reshape(1, 1, max(1, size[0] // _COARSE), max(1, size[1] // _COARSE))
    return F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)


def _smooth_maximum(weighted: Tensor) -> Tensor:
    return (weighted * (_SHARPNESS * weighted).softmax(dim=1)).sum(dim=1)
