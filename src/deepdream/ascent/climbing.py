"""One gradient of an objective with respect to a picture, seen through random transforms."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.gradients import blur, cascade, equalize_bands, prefer_photo_colors, unit_size
from deepdream.ascent.objectives import Objective, Scene, Term
from deepdream.ascent.tiling import Tiling, grid, surroundings, tiled_gradient
from deepdream.plan import Plan
from deepdream.tensors import generator


class Network(Protocol):
    """What the ascent needs of a network; ``deepdream.models.Model`` is one."""

    def activations(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]: ...

    def positions(self, layer: str, height: int, width: int) -> int: ...


def measure_gradient(
    network: Network,
    objective: Objective,
    image: Tensor,
    plan: Plan,
    chance: torch.Generator,
    *,
    tiling: Tiling | None = None,
) -> tuple[Tensor, Tensor]:
    """d score / d image (B, 3, H, W), and the score (a scalar tensor), at one random offset and scale.

    With a ``tiling`` the picture is seen tile by tile.
    """
    down, right = _offsets(plan.jitter, image, chance)
    seen = torch.roll(image, (down, right), dims=(2, 3)).detach()
    with torch.enable_grad():
        free = seen.requires_grad_() if plan.zoom else seen
        view = _zoomed(free, plan.zoom, chance)
    if tiling is None:
        gradient, score = _see(network, objective, view.detach(), plan.reduction)
    else:
        gradient, score = _see_in_tiles(network, objective, view.detach(), plan, chance, tiling)
    if plan.zoom:
        (gradient,) = torch.autograd.grad(view, free, gradient)
    return torch.roll(gradient, (-down, -right), dims=(2, 3)), score


def _see(network: Network, objective: Objective, view: Tensor, reduction: str) -> tuple[Tensor, Tensor]:
    """The gradient of a whole view, and its score."""
    scores, view = _score(network, objective, view, reduction)
    (gradient,) = torch.autograd.grad(_balanced_sum(scores, reduction), view)
    return gradient, _total(scores)


def _see_in_tiles(
    network: Network,
    objective: Objective,
    view: Tensor,
    plan: Plan,
    chance: torch.Generator,
    tiling: Tiling,
) -> tuple[Tensor, Tensor]:
    """As ``_see``, a tile at a time.

    Every term is a mean over positions, so a tile's part in the whole picture's gradient is its gradient times
    its share of the positions; a half sum needs no share. Several terms are balanced by what they are worth in
    the whole picture, which takes a first pass without gradients.
    """
    worth = _worth(network, objective, view, plan, tiling) if len(objective.terms) > 1 else None
    height, width = view.shape[-2:]

    def share(term: Term, tile: Tensor) -> float:
        if plan.reduction == "half-sum":
            return 1.0
        if not term.layers:
            return tile.numel() / view.numel()
        name = term.layers[0]
        return network.positions(name, *tile.shape[-2:]) / network.positions(name, height, width)

    def look(tile: Tensor) -> tuple[Tensor, Tensor]:
        scores, tile = _score(network, objective, tile, plan.reduction)
        terms = [term for _, term in objective.terms]
        shared = [(w * share(t, tile), score) for t, (w, score) in zip(terms, scores, strict=True)]
        (gradient,) = torch.autograd.grad(_balanced_sum(shared, plan.reduction, worth), tile)
        return gradient, _total(scores)

    return tiled_gradient(view, tiling, chance, look)


def _worth(
    network: Network, objective: Objective, view: Tensor, plan: Plan, tiling: Tiling
) -> list[Tensor] | None:
    """The size of every term in the whole picture, from one pass over the tiles (which overlap: an estimate)."""
    if plan.reduction == "half-sum":
        return None
    totals = [torch.zeros((), device=view.device) for _ in objective.terms]
    height, width = view.shape[-2:]
    for core in grid(height, width, tiling.core, generator(0)):
        tile = surroundings(core, height, width, tiling).of(view)
        with torch.no_grad():
            scene = Scene(network.activations(tile, objective.layers), tile, plan.reduction)
            scores = objective.scores(scene)
        share = core.of(view).numel() / view.numel()
        totals = [total + share * score for total, (_, score) in zip(totals, scores, strict=True)]
    return totals


def _score(
    network: Network, objective: Objective, view: Tensor, reduction: str
) -> tuple[list[tuple[float, Tensor]], Tensor]:
    view = view.detach().requires_grad_()
    with torch.enable_grad():
        activations = network.activations(view, objective.layers) if objective.layers else {}
        return objective.scores(Scene(activations, view, reduction)), view


def _total(scores: list[tuple[float, Tensor]]) -> Tensor:
    return torch.stack([weight * score.detach() for weight, score in scores]).sum()


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


def _balanced_sum(
    scores: list[tuple[float, Tensor]], reduction: str, worth: list[Tensor] | None = None
) -> Tensor:
    """The weighted sum; several terms are first divided by their own size, so that none drowns the others.

    ``worth`` holds those sizes where the scores are of a part of the picture only.
    """
    if len(scores) == 1 or reduction == "half-sum":
        return torch.stack([weight * score for weight, score in scores]).sum()
    sizes = worth or [score.detach() for _, score in scores]
    return torch.stack(
        [
            weight * score / size.abs().clamp_min(1e-12)
            for (weight, score), size in zip(scores, sizes, strict=True)
        ]
    ).sum()


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
