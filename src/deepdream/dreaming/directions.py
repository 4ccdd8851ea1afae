"""Many directions of one layer made visible at once: a small picture for each, from noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.parameterizations import Fourier
from deepdream.errors import DeepDreamError
from deepdream.models import Model
from deepdream.tensors import generator

_POWER = 2  # of the cosine
_RATE, _JITTER, _ZOOM = 0.06, 8, 0.1
_TINY = 1e-6


def visualize_directions(
    model: Model,
    layer: str,
    vectors: Tensor,
    *,
    size: int = 64,
    steps: int = 48,
    seed: int = 0,
    watch: Callable[[int], bool | None] = lambda _: None,
) -> Tensor | None:
    """For each of ``vectors`` (N, C) the picture whose activations at ``layer`` point that way, (N, 3, size, size).

    The spectrum of decorrelated colors is moved by Adam, seen at random offsets and scales (Olah, Mordvintsev,
    Schubert 2017, Feature Visualization, Distill). Climbed is the dot product times the cosine squared (at least
    0.1 each), the mean over positions: without the cosine a picture becomes what excites everything (lucid,
    issue 116; Carter et al. 2019). All start from the same noise and meet the same transforms, so that a picture
    does not depend on its neighbors. ``watch`` gets the number of each step; where it returns True, the result
    is None.

    Raises:
        DeepDreamError: the numbers grew beyond all bounds.
    """
    chance = generator(seed)
    start = 0.01 * torch.randn(1, 3, size, size // 2 + 1, 2, generator=chance)
    parameters = start.to(model.device).repeat(len(vectors), 1, 1, 1, 1).requires_grad_()
    optimizer = torch.optim.Adam([parameters], lr=_RATE)
    wanted = F.normalize(vectors.to(model.device), dim=1)
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        view = _seen(Fourier().decode(parameters, size, size), chance)
        (-_agreement(model.activations(view, [layer])[layer], wanted).sum()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if watch(step):
            return None
    pictures = Fourier().decode(parameters.detach(), size, size)
    if not pictures.isfinite().all():
        raise DeepDreamError(f"A visualization of {layer} left the range of numbers (NaN or infinity).")
    return pictures


def _agreement(activation: Tensor, wanted: Tensor) -> Tensor:
    """(N,): the mean over positions of h.v * max(0.1, cos)^power, for activations (N, C, h, w) and unit vectors."""
    dot = torch.einsum("nchw,nc->nhw", activation, wanted)
    cosine = dot / activation.square().sum(dim=1).clamp_min(_TINY).sqrt()
    return (dot * cosine.clamp_min(0.1) ** _POWER).mean(dim=(1, 2))


def _seen(pictures: Tensor, chance: torch.Generator) -> Tensor:
    """Rolled and scaled at random, all alike."""
    offsets = torch.randint(-_JITTER, _JITTER + 1, (2,), generator=chance).tolist()
    factor = 1 + _ZOOM * (2 * float(torch.rand((), generator=chance)) - 1)
    side = max(1, round(pictures.shape[-1] * factor))
    rolled = torch.roll(pictures, offsets, dims=(2, 3))
    return F.interpolate(rolled, size=(side, side), mode="bilinear", align_corners=False)
