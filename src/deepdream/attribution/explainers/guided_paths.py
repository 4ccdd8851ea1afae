"""Gradients collected along a path that the network's own gradients choose."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from deepdream.attribution.explainers.paths import PathSteps
from deepdream.attribution.method_options import Meaning
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction

Fraction = Annotated[float, Meaning("Share of the pixels that may move in one step.", above=0, most=1)]
Distance = Annotated[
    float, Meaning("How far the path may leave the straight line, as a share of its length.", least=0, most=1)
]


@register(
    "guided-ig",
    question="How is the score's rise shared, along a path that avoids noisy gradients?",
    paper="Kapishnikov et al. 2021, Guided Integrated Gradients, arXiv:2106.09788",
    caveat="The path depends on the network, so two networks are explained along two paths.",
    family="gradient",
    cost="steps forwards, steps backwards, one after the other",
    complete=True,
    budgeted=Budgeted("steps", "backward", units=1.2, alone=True),
)
def guided_ig(
    score_function: ScoreFunction,
    *,
    steps: PathSteps = 200,
    fraction: Fraction = 0.25,
    distance: Distance = 0.02,
) -> Outcome:
    """Pixels with the smallest gradients move first, no further than ``distance`` from the straight path.

    ``distance=0`` is integrated gradients by the trapezoid rule. Deviations: the gradient of a step is the mean
    of those at its two ends, which costs nothing and sums better than the first alone; where the time ends
    before the path does, the last step is straight.
    """
    start, end = score_function.baseline[0], score_function.image[0]
    span = (end - start).abs().sum()
    x, values = start, torch.zeros_like(start)
    gradient = score_function.gradients(x[None])[0]
    for step in range(1, steps + 1):
        limits = [start + min(max(step / steps + d, 0.0), 1.0) * (end - start) for d in (-distance, distance)]
        moved = _guided_step(x, gradient, (limits[0], limits[1], end), span * (1 - step / steps), fraction)
        late = step < steps and score_function.late
        moved = end if late else moved
        next_gradient = score_function.gradients(moved[None])[0]
        values += (moved - x) * (gradient + next_gradient) / 2
        x, gradient = moved, next_gradient
        if late:
            break
    notes = (f"the time ended after {step} of {steps} steps",) if step < steps else ()
    return Outcome(values, {"steps": step}, notes)


def _guided_step(
    x: Tensor, gradient: Tensor, limits: tuple[Tensor, Tensor, Tensor], remaining: Tensor, fraction: float
) -> Tensor:
    """Move pixels of small gradient to their upper limit until the distance to the end is ``remaining``."""
    low, high, end = limits
    # Pixels that are further behind than the straight path allows catch up first, whatever their gradient.
    behind = (x - end).abs() > (low - end).abs()
    x = torch.where(behind, low, x)
    # Pixels that have reached the limit of this step do not move further.
    cost = torch.where(x == high, torch.inf, gradient.abs())
    while (surplus := (x - end).abs().sum() - remaining) > 1e-9 * end.numel() and torch.isfinite(cost).any():
        # The quantile over all pixels, those that have arrived included, as in the authors' code.
        rank = max(1, int(fraction * cost.numel()))
        threshold = torch.minimum(cost.flatten().kthvalue(rank).values, cost[torch.isfinite(cost)].max())
        chosen = cost <= threshold
        reach = (high - x).abs()[chosen].sum()
        # The last group moves only as far as the step is long.
        share = (surplus / reach).clamp(max=1.0) if reach > 0 else torch.ones(())
        x = torch.where(chosen, x + share * (high - x), x)
        if share < 1:
            break
        cost = torch.where(chosen, torch.inf, cost)
    return x
