"""The beginning of a dream: the state before the first step, from a picture or from noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from deepdream.ascent.conditioning import conditioning_of
from deepdream.ascent.gradient_filters import texture_emphasis
from deepdream.ascent.objective_lists import join_goals
from deepdream.ascent.objectives import Reference
from deepdream.ascent.parameterizations import check_start
from deepdream.ascent.references import references_for
from deepdream.ascent.resampling import resize_picture
from deepdream.ascent.resolving import pin_files, read_mask
from deepdream.dreaming.control import shape_mask
from deepdream.dreaming.fitting import goals_of, sizes_for, sum_of
from deepdream.dreaming.state import State
from deepdream.errors import UsageError
from deepdream.models.network import Model
from deepdream.plan import Plan
from deepdream.provenance import Resource, pin
from deepdream.provenance.recipe_reading import MAX_SETTING
from deepdream.tensors import generator, sent_to


def start(
    model: Model,
    plan: Plan,
    image: Tensor,
    *,
    search_paths: Iterable[Path] = (),
    vectors: Mapping[Resource, Tensor] = MappingProxyType({}),
) -> State:
    """The state before the first step.

    Args:
        image: (B, 3, H, W) in [0, 1]: a picture for each objective of the plan (or ``plan.pictures`` for each),
            or one that all of them start from. Of a plan that starts from noise it gives the size only.
        places: Where files that the objective names by hash are looked for, besides this folder and ``images``.
        vectors: Directions (C,) that the objective names and that are in no file; no recipe can hold them, so
            the objective may then be of any length.

    Raises:
        UsageError: a picture the network cannot take or the parameters cannot hold, an unknown layer, or pictures
            that cannot be shared out.
        PictureError: a file that the objective names is not there or unreadable.
    """
    if image.dim() != 4 or image.shape[1] != 3 or image.shape[0] == 0:
        raise UsageError(f"A dream starts from pictures (B, 3, H, W) in [0, 1], not {tuple(image.shape)}.")
    check_start(plan)
    goals = goals_of(plan, model)
    sizes = sizes_for(plan, model, *image.shape[-2:], objective=sum_of(goals))
    if model.preprocessing.fixed:  # such a network can take no other size
        plan = replace(plan, zoom=0.0, transforms=_back_to(plan.transforms, *image.shape[-2:]))
    search_paths = tuple(search_paths)
    pinned = [pin_files(goal, search_paths, vectors) for goal in goals]
    files = {key: value for _, files_of_one in pinned for key, value in files_of_one.items()}
    mask_name, mask = _mask(plan, search_paths, *image.shape[-2:])
    mask = None if mask is None else mask.to(model.device)
    objective = join_goals(goal for goal, _ in pinned)
    if len(objective) > MAX_SETTING and not vectors:
        raise UsageError(
            f"The objective has {len(objective)} characters, and a recipe holds {MAX_SETTING}. "
            "Put a long direction into a .npy file."
        )
    plan = replace(plan, objective=objective, mask=mask_name)
    source = _one_for_each(sent_to(image, model.device), len(pinned), plan.pictures)
    pace, rng = torch.ones(len(source), dtype=torch.float64), generator(plan.seed)
    state = State(plan, source, sizes, 0, 0, source, (), rng.get_state(), pace=pace, mask=mask, files=files)
    state = _from_noise(state, rng) if plan.start == "noise" else _from_picture(state)
    return replace(state, references=references_of(model, state))


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


def references_of(model: Model, state: State) -> dict[Reference, Tensor]:
    """What the objectives are compared with at the current octave's size."""
    model = model.in_precision(state.plan.precision)
    return {
        reference: value
        for goal in dict.fromkeys(state.goals)
        for reference, value in references_for(goal, model, state.files, state.base).items()
    }


def _from_picture(state: State) -> State:
    first = state.base()
    return replace(
        state, parameters=state.parameterization.encode(first), emphasis=emphasis_of(state.plan, first)
    )


def _from_noise(state: State, rng: torch.Generator) -> State:
    """The same noise for every objective: a picture is the same whatever its neighbors of the batch climb."""
    kind, size, last = state.parameterization, state.size, state.octaves[-1]
    noise = kind.start(state.plan.pictures, size.height, size.width, rng).to(state.source)
    parameters = noise.repeat(len(state.source) // len(noise), *[1] * (noise.dim() - 1))
    image = kind.decode(parameters, size.height, size.width)[:, :3]
    source = resize_picture(image, last.height, last.width)
    state = replace(state, source=source, parameters=parameters, rng_state=rng.get_state())
    return replace(state, emphasis=emphasis_of(state.plan, state.base()))


def _mask(plan: Plan, search_paths: Iterable[Path], height: int, width: int) -> tuple[str, Tensor | None]:
    """The plan's mask by name and hash, and what it holds, at this size."""
    if not plan.mask:
        return "", None
    resource, path = pin(plan.mask, search_paths)
    gray = resize_picture(read_mask(path), height, width)
    return str(resource), shape_mask(gray, plan)


def emphasis_of(plan: Plan, picture: Tensor) -> Tensor | None:
    """The weights of the direction on ``picture``; None for the same weight everywhere."""
    calm = conditioning_of(plan).calm
    return texture_emphasis(picture, calm) if calm else None
