"""Many directions of one layer made visible at once: a small picture for each, from noise."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.objective_lists import join_goals
from deepdream.ascent.objectives import direction
from deepdream.dreaming.beginning import start
from deepdream.dreaming.loop import Step, dream
from deepdream.models import Model
from deepdream.plan import plan_for
from deepdream.provenance import Resource
from deepdream.provenance.resources import DIGITS

_POWER = 2  # of the cosine
_ZOOM = 0.1
_SETTINGS = {
    "rate": 0.06,
    "jitter": 8,
    "zoom": _ZOOM,
    "transforms": "",
    "smoothing": "none",
    "start": "noise",
}


def visualize_directions(
    model: Model, layer: str, vectors: Tensor, *, size: int = 64, steps: int = 48, seed: int = 0
) -> Tensor:
    """For each of ``vectors`` (N, C) the picture whose activations at ``layer`` point that way, (N, 3, size, size).

    The last step of ``dream_directions``, which see.
    """
    for step in dream_directions(model, layer, vectors, size=size, steps=steps, seed=seed):
        state = step.state
    return state.image()


def dream_directions(
    model: Model, layer: str, vectors: Tensor, *, size: int = 64, steps: int = 48, seed: int = 0
) -> Iterator[Step]:
    """The steps of one dream from noise, a picture for each of ``vectors`` (N, C), the directions of ``layer``.

    All of them are made in one pass: the spectrum of decorrelated colors is moved by Adam, seen at random offsets and
    scales (Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill). Maximized is the dot product times the
    cosine squared (at least 0.1 each), the mean over positions: without the cosine a picture becomes what excites
    everything (lucid, issue 116; Carter et al. 2019). A picture does not depend on its neighbors.

    Raises:
        UsageError: a size that the network cannot take.
        DeepDreamError: the numbers grew beyond all bounds.
    """
    named = {_name(number, one): one for number, one in enumerate(F.normalize(vectors.float().cpu(), dim=1))}
    objective = join_goals(direction(layer, name, _POWER) for name in named)
    plan = plan_for("lucid", **_SETTINGS, objective=objective, steps=steps, seed=seed, batch=len(vectors))
    return dream(model, plan, state=start(model, plan, torch.zeros(1, 3, size, size), vectors=named))


def least_side(model: Model, layer: str) -> int:
    """The least ``size`` at which ``layer`` can be visualized; the only one where the network takes no other."""
    side = model.minimum_size([layer])
    return side if model.preprocessing.fixed else math.ceil(side / (1 - _ZOOM))


def _name(number: int, vector: Tensor) -> Resource:
    """What a vector that is in no file is called in an objective."""
    return Resource(str(number), hashlib.sha256(vector.numpy().tobytes()).hexdigest()[:DIGITS])
