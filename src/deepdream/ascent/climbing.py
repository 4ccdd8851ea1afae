"""One gradient of an objective with respect to a picture, seen through random transforms."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.gradients import blur, cascade, equalize_bands, prefer_photo_colors, unit_size
from deepdream.ascent.objectives import Objective, Scene
from deepdream.plan import Plan


class Network(Protocol):
    """What the ascent needs of a network; ``deepdream.models.Model`` is one."""

    def activations(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]: ...


def measure_gradient(
    network: Network, objective: Objective, image: Tensor, plan: Plan, chance: torch.Generator
) -> tuple[Tensor, Tensor]:
    """d score / d image (B, 3, H, W), and the score (a scalar tensor), at one random offset and scale."""
    down, right = _offsets(plan.jitter, image, chance)
    seen = torch.roll(image, (down, right), dims=(2, 3)).detach().requires_grad_()
    with torch.enable_grad():
        view = _zoomed(seen, plan.zoom, chance)
        seen_by = network.activations(view, objective.layers) if objective.layers else {}
        scene = Scene(seen_by, view, plan.reduction)
        scores = objective.scores(scene)
        (gradient,) = torch.autograd.grad(_balanced_sum(scores, plan.reduction), seen)
    score = sum((weight * score.detach() for weight, score in scores), torch.zeros((), device=image.device))
    return torch.roll(gradient, (-down, -right), dims=(2, 3)), score


def direction_of(gradient: Tensor, plan: Plan, progress: float) -> Tensor:
    """The gradient made ready to step along: smoothed, its colors balanced, brought to unit size.

    ``progress`` is the share of the octave that will be done after this step (0 to 1).
    """
    if plan.smoothing == "cascade":
        gradient = cascade(gradient, progress, plan.blur)
    elif plan.smoothing == "gaussian":
        gradient = blur(gradient, plan.blur)
    elif plan.smoothing == "laplacian":
        gradient = equalize_bands(gradient)
    return unit_size(prefer_photo_colors(gradient, plan.color), plan.normalization)


def _balanced_sum(scores: list[tuple[float, Tensor]], reduction: str) -> Tensor:
    """The weighted sum; several terms are first divided by their own size, so that none drowns the others."""
    if len(scores) == 1 or reduction == "half-sum":
        return sum((weight * score for weight, score in scores[1:]), scores[0][0] * scores[0][1])
    sized = [weight * score / score.detach().abs().clamp_min(1e-12) for weight, score in scores]
    return torch.stack(sized).sum()


def _offsets(jitter: int, image: Tensor, chance: torch.Generator) -> tuple[int, int]:
    # Never more than a quarter of the picture: a small octave would be torn apart at the seam.
    limits = [min(jitter, side // 4) for side in image.shape[-2:]]
    down, right = (int(torch.randint(-limit, limit + 1, (), generator=chance)) for limit in limits)
    return down, right


def _zoomed(image: Tensor, zoom: float, chance: torch.Generator) -> Tensor:
    if zoom == 0:
        return image
    factor = 1 + zoom * (2 * float(torch.rand((), generator=chance)) - 1)
    size = [max(1, round(side * factor)) for side in image.shape[-2:]]
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
