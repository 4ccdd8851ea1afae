"""The dream: one loop, whose steps everything else reads.

The progress bar, the saver, the sheet and the tests all iterate ``dream``; to stop is to stop iterating.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from deepdream.ascent.climbing import measure_gradient
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
from deepdream.ascent.references import References
from deepdream.ascent.resampling import resize
from deepdream.ascent.tiling import CORE, LARGE, SMALLEST, Tiling
from deepdream.ascent.transparency import held_down
from deepdream.dreaming.beginning import emphasis_of, references_of, start
from deepdream.dreaming.control import allowed, at_distance, distances, mask_at, result, target
from deepdream.dreaming.fitting import can_be_cut, is_fixed, sum_of, tiling_for
from deepdream.dreaming.state import State
from deepdream.errors import DeepDreamError, UsageError
from deepdream.models.network import Model
from deepdream.plan import Plan
from deepdream.tensors import give_back_memory, is_out_of_memory, make_room

_TRIES = 3
_LOOK_EVERY = 8


@dataclass(frozen=True, eq=False)
class Step:
    """One record of a dream: the state after a step."""

    state: State

    @property
    def number(self) -> int:
        """From 1 to ``total``."""
        return self.state.number

    @property
    def total(self) -> int:
        return self.state.total

    @property
    def octave(self) -> int:
        """Which octave, from 1."""
        return self.state.octave + 1

    @cached_property
    def score(self) -> float:
        """The objective just before this step, the mean of a batch's (reading it waits for the device)."""
        return float("nan") if self.state.score is None else float(self.state.score.mean())

    @cached_property
    def image(self) -> Tensor:
        """(B, 3, h, w) in [0, 1], at the octave's size, with the plan's control of the effect."""
        return result(self.state)

    @property
    def last(self) -> bool:
        return self.state.done


def dream(
    model: Model,
    plan: Plan,
    image: Tensor | None = None,
    *,
    state: State | None = None,
    places: Iterable[Path] = (),
) -> Iterator[Step]:
    """The steps of a dream, from ``image`` or onward from ``state``.

    Everything is checked by this call, before the first step.

    Raises:
        UsageError, UnknownNameError: settings that do not fit the network or the picture.
    """
    if state is None:
        if image is None:
            raise UsageError("A dream needs a picture, or a state to go on from.")
        state = start(model, plan, image, places=places)
    return _steps(model, state)


def _steps(model: Model, state: State) -> Iterator[Step]:
    """The steps; where the numbers go bad, back to the last good picture, and on with half the step.

    A step is good if its gradient and what it led to are finite, and the gradient is not zero everywhere. The
    device notes that in the score, which is read at every step on the CPU and every few steps elsewhere, since
    reading waits for the device. The picture before the last good one is kept, too, unless it is large: where
    the network fails at a picture itself, only another way there helps.
    """
    earlier, good, failures, furthest = None, state, 0, 0
    while not state.done:
        state = advance(model, state)
        if is_due(state) and not _is_sound(state):
            failures += 1
            if failures > _TRIES:
                raise _failure(model, state)
            furthest = max(furthest, state.number)
            back = earlier or good
            state = replace(
                back, pace=back.pace / 2**failures, rng_state=state.rng_state, shrinks=state.shrinks
            )
            continue
        if is_due(state):
            earlier, good = (good if state.source.numel() <= 3 * LARGE else None), state
            failures = 0 if state.number > furthest else failures
        yield Step(state)


def at_hand(tensor: Tensor) -> bool:
    """Whether the numbers of ``tensor`` can be read without waiting for a device."""
    return tensor.device.type == "cpu"


def is_due(state: State) -> bool:
    """Whether the score is to be looked at after this step."""
    return at_hand(state.parameters) or state.number % _LOOK_EVERY == 0 or state.step == state.size.steps


def _is_sound(state: State) -> bool:
    return state.score is None or math.isfinite(float(state.score.sum()))


def _failure(model: Model, state: State) -> DeepDreamError:
    where = f"at step {state.number} of {state.total}, and again {_TRIES} times with smaller steps before it"
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


def _noted(score: Tensor, gradient: Tensor) -> Tensor:
    """``score``; infinity where the gradient is zero everywhere, NaN where a number is not finite."""
    low, high = torch.aminmax(gradient)
    dead = (low == 0) & (high == 0)
    score = torch.where(dead, torch.full_like(score, math.inf), score)
    return torch.where((low - high).isfinite(), score, torch.full_like(score, math.nan))


def advance(model: Model, state: State) -> State:
    """The state after one more step (the input is left as it is)."""
    if state.step >= state.size.steps:
        state = _enter_next_octave(state)
    rng = torch.Generator()
    rng.set_state(state.rng_state)
    plan, size = state.plan, state.size
    tiling = tiling_for(plan, model, sum_of(state.goals), size.height, size.width, core=state.core)
    references = references_of(model, state) if state.references is None else state.references
    found = _gradient_or_cut(model, state, rng, tiling, references)
    if isinstance(found, State):
        return advance(model, found)
    gradient, score, shrinks = found
    del found
    make_room(gradient)
    score = _noted(score, gradient)
    direction = _direction(gradient, state)
    del gradient
    pulled = state.parameterization.pull_back(state.parameters, direction)
    del direction
    change, moments = _optimize(pulled, state)
    del pulled
    make_room(change)
    moved = torch.addcmul(state.parameters, _rates(state), change)
    del change
    parameters = state.parameterization.project(moved)
    score = torch.where(moved.sum().isfinite(), score, torch.full_like(score, math.nan))
    del moved
    after = replace(
        state,
        step=state.step + 1,
        parameters=parameters,
        moments=moments,
        rng_state=rng.get_state(),
        score=score,
        scores=(*state.scores, score, score) if state.step == 0 else (*state.scores[:-1], score),
        references=references,
        shrinks=shrinks,
    )
    return _at_target(after)


def _gradient_or_cut(
    model: Model,
    state: State,
    rng: torch.Generator,
    tiling: Tiling | None,
    references: References,
) -> tuple[Tensor, Tensor, tuple[tuple[int, int], ...]] | State:
    """The gradient, the score and the shrinks so far; the state with tiles where memory ran out without them."""
    pixelwise = state.parameterization.pixelwise
    cores: list[int] = []
    if tiling is not None:
        give_back_memory()
    try:
        gradient, score = measure_gradient(
            model.in_precision(state.plan.precision),
            state.goals,
            state.parameters if pixelwise else state.canvas(),
            state.plan,
            rng,
            tiling=tiling,
            references=references,
            show=state.shown if pixelwise else None,
            shrunk=cores.append,
        )
    except (MemoryError, RuntimeError) as error:
        cut = _cut(model, state) if tiling is None and is_out_of_memory(error) else None
        if cut is None:
            raise
    else:
        return gradient, score, (*state.shrinks, *((state.number + 1, core) for core in cores[-1:]))
    give_back_memory()  # here nothing holds the error any more, nor that what filled the memory
    return cut


def _cut(model: Model, state: State) -> State | None:
    """The state with tiles, for a picture that did not fit into memory whole; None where it cannot be cut."""
    half = math.isqrt(state.size.height * state.size.width) // 2
    if is_fixed(state.plan) or half < SMALLEST or not can_be_cut(model, sum_of(state.goals)):
        return None
    return replace(state, shrinks=(*state.shrinks, (state.number + 1, min(half, state.core or CORE))))


def _at_target(state: State) -> State:
    """The dream stopped where it has gone as far as it was to stop at; and at its end brought there exactly."""
    wanted = target(state.plan)
    if wanted is None:
        return state
    if state.plan.stop_at and not state.done and min(distances(state)) >= wanted:
        state = replace(state, step=state.size.steps)
    return at_distance(state, wanted) if state.done else state


def _rates(state: State) -> Tensor:
    """The size of a step of each picture's parameters."""
    rates = (state.plan.rate * state.pace).to(state.parameters)
    return rates.view(-1, *[1] * (state.parameters.dim() - 1))


def _direction(gradient: Tensor, state: State) -> Tensor:
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


def _optimize(direction: Tensor, state: State) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The step along ``direction`` before the rate, and the optimizer's new memory."""
    if state.plan.optimizer == "adam":
        return _adam(direction, state)
    return direction, ()


def _adam(direction: Tensor, state: State) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Kingma & Ba 2015, arXiv:1412.6980, with beta 0.9 and 0.999, epsilon 1e-8."""
    mean, square = state.moments or (torch.zeros_like(direction), torch.zeros_like(direction))
    mean, square = 0.9 * mean + 0.1 * direction, 0.999 * square + 0.001 * direction.square()
    count = state.step + 1
    change = (mean / (1 - 0.9**count)) / ((square / (1 - 0.999**count)).sqrt() + 1e-8)
    return change, (mean, square)


def _enter_next_octave(state: State) -> State:
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
    wanted = target(state.plan)
    if wanted is None:
        return state.pace
    wanted *= float(((state.octave + 1) / len(state.octaves)) ** 0.6)
    far = torch.tensor(distances(state, base), dtype=torch.float64)
    return (state.pace * wanted / far.clamp_min(1e-6)).clamp(0.25, 4.0)
