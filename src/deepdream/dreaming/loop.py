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

from deepdream.ascent.climbing import direction_of, measure_gradient
from deepdream.ascent.goals import join_goals, parse_goals
from deepdream.ascent.gradients import texture_emphasis, unit_size
from deepdream.ascent.objectives import Need, Objective, layer
from deepdream.ascent.parameterizations import check_start, move_detail
from deepdream.ascent.references import references_for
from deepdream.ascent.resampling import resize, resize_picture
from deepdream.ascent.resolving import pin_files, read_mask, resolve
from deepdream.ascent.sizes import Octave, octaves
from deepdream.ascent.tiling import LARGE, NEAR_HALO, Tiling, usual_core
from deepdream.ascent.transforms import parse_transforms, side_needed
from deepdream.dreaming.control import allowed, at_distance, distances, mask_at, result, shape_mask, target
from deepdream.dreaming.state import State
from deepdream.errors import DeepDreamError, UsageError
from deepdream.models.network import Model
from deepdream.plan import Plan
from deepdream.provenance import pin
from deepdream.provenance.recipe import MAX_SETTING
from deepdream.tensors import generator, give_back_memory

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


def goals_of(plan: Plan, model: Model) -> tuple[Objective, ...]:
    """What the plan climbs, an objective for each picture of the batch (or for every ``plan.pictures`` of them).

    Where the plan names nothing it is the network's recommended layer.

    Raises:
        UnknownNameError: a layer the network does not have.
        UsageError: an objective that cannot be read, or a channel or class that is not there.
    """
    goals = parse_goals(plan.objective) if plan.objective else (layer(model.recommended_layer),)
    return tuple(resolve(goal, model, batch=plan.pictures) for goal in goals)


def objective_of(plan: Plan, model: Model) -> Objective:
    """Everything the plan climbs as one objective, a batch's as their sum. Raises what ``goals_of`` raises."""
    return _sum(goals_of(plan, model))


def _sum(goals: tuple[Objective, ...]) -> Objective:
    return sum(goals[1:], goals[0])


def sizes_for(plan: Plan, model: Model, height: int, width: int) -> tuple[Octave, ...]:
    """The octaves a picture of this size goes through; those too small for the layers are left out.

    Raises:
        UsageError: the picture itself is too small for the layers.
    """
    layers, transforms = objective_of(plan, model).layers, parse_transforms(plan.transforms)
    smallest = model.minimum_size(layers) if layers else 1
    if smallest > 1 and not model.preprocessing.fixed:
        smallest = side_needed(transforms, smallest)
        smallest = math.ceil(smallest / (1 - plan.zoom))  # a randomly scaled view is smaller than the picture
    if min(height, width) < smallest or (model.preprocessing.fixed and (height, width) != (smallest,) * 2):
        word = "exactly" if model.preprocessing.fixed else "at least"
        raise UsageError(
            f"{model.name} needs {word} {smallest}x{smallest} pixels at {', '.join(layers) or plan.objective}; "
            f"this picture has {width}x{height}. Choose another --size."
        )
    strides = [model.layer(name).stride or 1 for name in layers if name in model.layers]
    floor = max(smallest, 2 * max(strides, default=1), 32)
    if model.preprocessing.fixed:
        return (Octave(height, width, plan.steps),)
    return octaves(height, width, count=plan.octaves, scale=plan.octave_scale, steps=plan.steps, floor=floor)


def tiling_for(plan: Plan, model: Model, objective: Objective, height: int, width: int) -> Tiling | None:
    """How a picture of this size is cut into tiles; None where it is seen whole.

    Raises:
        UsageError: a tile was asked for that the layers or the objective do not allow.
    """
    layers = [model.layer(name) for name in objective.layers if name in model.layers]
    cuttable = objective.local and not model.preprocessing.fixed and all(layer.stride for layer in layers)
    if plan.tile and not cuttable:
        raise UsageError(f"{objective} looks at the picture as a whole and cannot be seen in tiles.")
    if not cuttable or (height * width <= (plan.tile**2 or LARGE)):
        return None
    stride = max((layer.stride or 1 for layer in layers), default=1)
    halo = NEAR_HALO
    if plan.tile_halo == "exact":
        fields = [layer.receptive_field for layer in layers]
        if None in fields:
            raise UsageError(
                f"{objective} sees the whole picture, so no halo is exact. Use --tile-halo near."
            )
        halo = max((field or 1) - 1 for field in fields) if fields else 0
    return Tiling(
        max(plan.tile or usual_core(height, width), 2 * stride), halo, stride, fixed=bool(plan.tile)
    )


def start(model: Model, plan: Plan, image: Tensor, *, places: Iterable[Path] = ()) -> State:
    """The state before the first step.

    Args:
        image: (B, 3, H, W) in [0, 1]: a picture for each objective of the plan (or ``plan.pictures`` for each),
            or one that all of them start from. Of a plan that starts from noise it gives the size only.
        places: Where files that the objective names by hash are looked for, besides this folder and ``images``.

    Raises:
        UsageError: a picture the network cannot take or the parameters cannot hold, an unknown layer, or pictures
            that cannot be shared out.
        PictureError: a file that the objective names is not there or unreadable.
    """
    if image.dim() != 4 or image.shape[1] != 3 or image.shape[0] == 0:
        raise UsageError(f"A dream starts from pictures (B, 3, H, W) in [0, 1], not {tuple(image.shape)}.")
    check_start(plan)
    sizes = sizes_for(plan, model, *image.shape[-2:])
    if model.preprocessing.fixed:  # such a network can take no other size
        plan = replace(plan, zoom=0.0, transforms=_back_to(plan.transforms, *image.shape[-2:]))
    places = tuple(places)
    pinned = [pin_files(goal, places) for goal in goals_of(plan, model)]
    files = {key: value for _, found in pinned for key, value in found.items()}
    mask_name, mask = _mask(plan, places, image)
    objective = join_goals(goal for goal, _ in pinned)
    if len(objective) > MAX_SETTING:
        raise UsageError(
            f"The objective has {len(objective)} characters, and a recipe holds {MAX_SETTING}. "
            "Put a long direction into a .npy file."
        )
    plan = replace(plan, objective=objective, mask=mask_name)
    source = _one_for_each(image.to(model.device, torch.float32), len(pinned), plan.pictures)
    pace, chance = torch.ones(len(source), dtype=torch.float64), generator(plan.seed)
    state = State(
        plan, source, sizes, 0, 0, source, (), chance.get_state(), pace=pace, mask=mask, files=files
    )
    state = _from_noise(state, chance) if plan.start == "noise" else _from_picture(state)
    return replace(state, references=_references(model, state))


def _back_to(transforms: str, height: int, width: int) -> str:
    """The transforms, and at their end the size of the picture again."""
    last = f"resize({height}, {width})"
    return transforms if not transforms or transforms.endswith(last) else f"{transforms} + {last}"


def _one_for_each(image: Tensor, goals: int, pictures: int) -> Tensor:
    """As many pictures as are to be made. Raises UsageError where there are neither so many nor one."""
    count = goals * pictures
    if len(image) == 1:
        return image.expand(count, -1, -1, -1)
    if len(image) % count:
        raise UsageError(
            f"{len(image)} pictures cannot be shared out evenly among {goals} objectives of {pictures} each."
        )
    return image


def _references(model: Model, state: State) -> dict[Need, Tensor]:
    """What the objectives are compared with at the current octave's size."""
    base = state.base()
    return {
        need: value
        for goal in state.goals
        for need, value in references_for(goal, model, state.files, base).items()
    }


def _from_picture(state: State) -> State:
    first = state.base()
    return replace(
        state, parameters=state.parameterization.encode(first), emphasis=_emphasis(state.plan, first)
    )


def _from_noise(state: State, chance: torch.Generator) -> State:
    """The same noise for every objective: a picture is the same whatever its neighbors of the batch climb."""
    kind, size, last = state.parameterization, state.size, state.octaves[-1]
    noise = kind.start(state.plan.pictures, size.height, size.width, chance).to(state.source)
    parameters = noise.repeat(len(state.source) // len(noise), *[1] * (noise.dim() - 1))
    source = resize_picture(kind.decode(parameters, size.height, size.width), last.height, last.width)
    state = replace(state, source=source, parameters=parameters, chance=chance.get_state())
    return replace(state, emphasis=_emphasis(state.plan, state.base()))


def _mask(plan: Plan, places: Iterable[Path], image: Tensor) -> tuple[str, Tensor | None]:
    """The plan's mask by name and hash, and what it holds, at the size of ``image``."""
    if not plan.mask:
        return "", None
    resource, path = pin(plan.mask, places)
    gray = resize_picture(read_mask(path), *image.shape[-2:])
    return str(resource), shape_mask(gray, plan).to(image.device)


def _emphasis(plan: Plan, picture: Tensor) -> Tensor | None:
    return texture_emphasis(picture, plan.calm) if plan.calm else None


def dream(
    model: Model,
    plan: Plan,
    image: Tensor | None = None,
    *,
    state: State | None = None,
    places: Iterable[Path] = (),
) -> Iterator[Step]:
    """The steps of a dream, from ``image`` or onward from ``state``.

    Everything is checked here, before the first step is asked for.

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
        if _is_due(state) and not _is_sound(state):
            failures += 1
            if failures > _TRIES:
                raise _failure(state)
            furthest = max(furthest, state.number)
            back = earlier or good
            state = replace(back, pace=back.pace / 2**failures, chance=state.chance)
            continue
        if _is_due(state):
            earlier, good = (good if state.source.numel() <= 3 * LARGE else None), state
            failures = 0 if state.number > furthest else failures
        yield Step(state)


def _is_due(state: State) -> bool:
    """Whether the score is to be looked at after this step."""
    at_hand = state.parameters.device.type == "cpu"
    return at_hand or state.number % _LOOK_EVERY == 0 or state.step == state.size.steps


def _is_sound(state: State) -> bool:
    return state.score is None or math.isfinite(float(state.score.sum()))


def _failure(state: State) -> DeepDreamError:
    where = f"at step {state.number} of {state.total}, and again {_TRIES} times with smaller steps before it"
    assert state.score is not None
    if math.isinf(float(state.score.sum())):
        return DeepDreamError(
            f"The gradient of {state.plan.objective} is zero everywhere {where}: nothing moves the picture. "
            "Choose another layer or objective."
        )
    return DeepDreamError(
        f"The dream left the range of numbers (NaN or infinity) {where}. "
        "Choose a smaller --rate or another layer."
    )


def _noted(score: Tensor, gradient: Tensor, parameters: Tensor) -> Tensor:
    """``score``; infinity where the gradient is zero everywhere, NaN where a number is not finite."""
    low, high = torch.aminmax(gradient)
    least, most = torch.aminmax(parameters)
    dead = (low == 0) & (high == 0)
    score = torch.where(dead, torch.full_like(score, math.inf), score)
    finite = (low - high).isfinite() & (least - most).isfinite()
    return torch.where(finite, score, torch.full_like(score, math.nan))


def advance(model: Model, state: State) -> State:
    """The state after one more step (the input is left as it is)."""
    if state.step >= state.size.steps:
        state = _enter_next_octave(state)
    chance = torch.Generator()
    chance.set_state(state.chance)
    plan, size = state.plan, state.size
    goals = state.goals
    tiling = tiling_for(plan, model, _sum(goals), size.height, size.width)
    references = _references(model, state) if state.references is None else state.references
    gradient, score = measure_gradient(
        model, goals, state.image(), plan, chance, tiling=tiling, references=references
    )
    if tiling is not None:
        give_back_memory()
    pulled = state.parameterization.pull_back(state.parameters, _direction(gradient, state))
    change, moments = _optimize(pulled, state)
    del pulled
    if tiling is not None:
        give_back_memory()
    change = _rates(state) * change
    change += state.parameters
    parameters = state.parameterization.project(change)
    del change
    score = _noted(score, gradient, parameters)
    moved = replace(
        state,
        step=state.step + 1,
        parameters=parameters,
        moments=moments,
        chance=chance.get_state(),
        score=score,
        scores=(*state.scores, score, score) if state.step == 0 else (*state.scores[:-1], score),
        references=references,
    )
    return _at_target(moved)


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
    """The way to step from ``gradient``, with the weights of ``state`` on it, where and in what it may change."""
    direction = direction_of(gradient, state.plan, (state.step + 1) / state.size.steps)
    if state.emphasis is not None:
        # In place where that is no one else's: a large picture has no room for copies.
        weighed = direction * state.emphasis if direction is gradient else direction.mul_(state.emphasis)
        direction = unit_size(weighed, state.plan.normalization)
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
    larger = state.base(state.octave + 1)
    if state.plan.detail or not state.parameterization.exact:
        parameters = move_detail(
            state.parameterization, state.parameters, state.base(), larger, how=state.plan.resampling
        )
    else:
        image = resize(state.image(), after.height, after.width, how=state.plan.resampling).clamp(0, 1)
        parameters = state.parameterization.encode(image)
    return replace(
        state,
        octave=state.octave + 1,
        step=0,
        parameters=parameters,
        moments=(),
        pace=_pace(state),
        emphasis=_emphasis(state.plan, larger),
        references=None,
    )


def _pace(state: State) -> Tensor:
    """The next octave's factors on the rate: after octave k of n a change should be (k/n)^0.6 of the strength.

    The exponent gives the early octaves, which draw the large forms, more than their share.
    """
    wanted = target(state.plan)
    if wanted is None:
        return state.pace
    wanted *= float(((state.octave + 1) / len(state.octaves)) ** 0.6)
    far = torch.tensor(distances(state), dtype=torch.float64)
    return (state.pace * wanted / far.clamp_min(1e-6)).clamp(0.25, 4.0)
