"""How one step moves the picture, and how the next octave begins."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from deepdream.ascent.conditioning import (
    Cascade,
    Gaussian,
    Laplacian,
    Moment,
    Part,
    Unit,
    conditioning_of,
)
from deepdream.ascent.parameterizations import move_detail
from deepdream.ascent.resampling import resize
from deepdream.ascent.transparency import held_down
from deepdream.dreaming.beginning import emphasis_of
from deepdream.dreaming.control import allowed, distances, mask_at, target
from deepdream.errors import DeepDreamError
from deepdream.tensors import make_room

if TYPE_CHECKING:
    from deepdream.dreaming.state import State
    from deepdream.models.network import Model
    from deepdream.plan import Plan


TRIES = 3


def failure(model: Model, state: State) -> DeepDreamError:
    """The error of a dream whose numbers stay invalid, with what to do about it."""
    where = f"at step {state.number} of {state.total}, and again {TRIES} times with smaller steps before it"
    assert state.score is not None
    if math.isinf(float(state.score.sum())):
        return DeepDreamError(
            f"The gradient of {state.plan.objective} is zero everywhere {where}: nothing moves the picture. "
            + _remedy(model, state.plan)
        )
    return DeepDreamError(
        f"The dream left the range of numbers (NaN or infinity) {where}. "
        "Choose a smaller --rate or another layer."
    )


def _remedy(model: Model, plan: Plan) -> str:
    """What to do where nothing moves the picture."""
    for network in (model, *model.members):
        for name, weight in network.module.named_parameters():
            if name.endswith("weight") and weight.dim() > 1 and not weight.any():
                return f"All of {name} in {network.name} are zero: train it, or climb a layer before it."
    if plan.relu == "true":
        return "If its units are off, --relu redirected wakes them; or choose another layer or objective."
    return "Choose another layer or objective."


def rates(state: State) -> Tensor:
    """The size of a step of each picture's parameters."""
    sizes = (state.plan.rate * state.pace).to(state.parameters)
    return sizes.view(-1, *[1] * (state.parameters.dim() - 1))


def step_direction(gradient: Tensor, state: State) -> Tensor:
    """The way to step from ``gradient``, which is used up, of the colors and, where there is one, the opacity."""
    moment = Moment((state.step + 1) / state.size.steps, state.emphasis)
    if not state.plan.alpha:
        return _color_direction(gradient, state, moment)
    colors = _color_direction(gradient[:, :3], state, moment)
    return torch.cat([colors, _opacity_direction(gradient[:, 3:], state, moment)], dim=1)


def _opacity_direction(pull: Tensor, state: State, moment: Moment) -> Tensor:
    """(B, 1, h, w): the gradient smoothed and brought to size as that of a gray picture, and opacity held down."""
    opacity, conditioning = state.opacity(), conditioning_of(state.plan)
    assert opacity is not None

    def made(gray: Tensor, *kinds: type[Part]) -> Tensor:
        return conditioning.only(*kinds).apply(gray.repeat(1, 3, 1, 1), moment, own=True)[:, :1]

    smooth = made(pull, Gaussian, Cascade, Laplacian)
    return made(held_down(smooth, opacity, state.plan.alpha_weight), Unit)


def _color_direction(gradient: Tensor, state: State, moment: Moment) -> Tensor:
    """From the gradient of the colors, which is used up, where and in what the picture may change."""
    direction = conditioning_of(state.plan).apply(gradient, moment, own=True)
    mask = mask_at(state)
    return allowed(direction if mask is None else direction * mask, state.plan.keep)


def optimize(direction: Tensor, state: State) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The step along ``direction`` before the rate, and the optimizer's new memory."""
    if state.plan.optimizer == "adam":
        # Kingma & Ba 2015, arXiv:1412.6980, with beta 0.9 and 0.999, epsilon 1e-8.
        mean, square = state.moments or (torch.zeros_like(direction), torch.zeros_like(direction))
        mean, square = 0.9 * mean + 0.1 * direction, 0.999 * square + 0.001 * direction.square()
        count = state.step + 1
        change = (mean / (1 - 0.9**count)) / ((square / (1 - 0.999**count)).sqrt() + 1e-8)
        return change, (mean, square)
    return direction, ()


def enter_next_octave(state: State) -> State:
    after = state.octaves[state.octave + 1]
    make_room(state.source)
    base, larger = state.base(), state.base(state.octave + 1)
    if state.plan.detail or not state.parameterization.exact:
        parameters = move_detail(
            state.parameterization, state.parameters, base, larger, how=state.plan.resampling
        )
    else:
        image = resize(state.canvas(), after.height, after.width, how=state.plan.resampling).clamp(0, 1)
        parameters = state.parameterization.encode(image)
    return replace(
        state,
        octave=state.octave + 1,
        step=0,
        parameters=parameters,
        moments=(),
        pace=_pace(state, base),
        emphasis=emphasis_of(state.plan, larger),
        references=None,
    )


def _pace(state: State, base: Tensor) -> Tensor:
    """The next octave's factors on the rate: after octave k of n a change should be (k/n)^0.6 of the strength.

    The exponent gives the early octaves, which draw the large forms, more than their share.
    """
    goal = target(state.plan)
    if goal is None:
        return state.pace
    goal *= float(((state.octave + 1) / len(state.octaves)) ** 0.6)
    far = torch.tensor(distances(state, base), dtype=torch.float64)
    return (state.pace * goal / far.clamp_min(1e-6)).clamp(0.25, 4.0)
