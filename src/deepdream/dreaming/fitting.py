"""What a plan comes to with a network: what it climbs, through which sizes, in which tiles."""

from __future__ import annotations

import math

from deepdream.ascent.objective_lists import parse_goals
from deepdream.ascent.objectives import Objective, layer
from deepdream.ascent.resolving import resolve
from deepdream.ascent.sizes import Octave, octaves
from deepdream.ascent.tiling import CORE, LARGE, NEAR_HALO, Tiling
from deepdream.ascent.transforms import parse_transforms, side_needed
from deepdream.errors import UsageError
from deepdream.models.network import Model
from deepdream.plan import Plan


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
    return sum_of(goals_of(plan, model))


def sum_of(goals: tuple[Objective, ...]) -> Objective:
    """A batch's objectives as one."""
    return sum(goals[1:], goals[0])


def sizes_for(
    plan: Plan, model: Model, height: int, width: int, *, objective: Objective | None = None
) -> tuple[Octave, ...]:
    """The octaves a picture of this size goes through; those too small for the layers are left out.

    ``objective`` is the plan's, where the caller has resolved it already.

    Raises:
        UsageError: the picture itself is too small for the layers.
    """
    objective = objective_of(plan, model) if objective is None else objective
    layers, transforms = objective.layers, parse_transforms(plan.transforms)
    smallest = model.minimum_size(layers) if layers else 1
    if smallest > 1 and not model.preprocessing.fixed:
        smallest = side_needed(transforms, smallest)
        smallest = math.ceil(smallest / (1 - plan.zoom))  # a randomly scaled view is smaller than the picture
    least = model.preprocessing.size if model.preprocessing.fixed else (smallest, smallest)
    if min(height, width) < smallest or (model.preprocessing.fixed and (height, width) != least):
        word = "exactly" if model.preprocessing.fixed else "at least"
        raise UsageError(
            f"{model.name} needs {word} {least[1]}x{least[0]} pixels at {', '.join(layers) or plan.objective}; "
            f"this picture has {width}x{height}. Choose another --size."
        )
    strides = [model.layer(name).stride or 1 for name in layers if name in model.layers]
    floor = max(smallest, 2 * max(strides, default=1), 32)
    if model.preprocessing.fixed:
        return (Octave(height, width, plan.steps),)
    return octaves(height, width, count=plan.octaves, scale=plan.octave_scale, steps=plan.steps, floor=floor)


def tiling_for(
    plan: Plan, model: Model, objective: Objective, height: int, width: int, *, core: int = 0
) -> Tiling | None:
    """How a picture of this size is cut into tiles; None where it is seen whole.

    ``core`` is what the tiles have come to where memory ran out, 0 where it has not.

    Raises:
        UsageError: the layers or the objective do not allow this tile.
    """
    layers = [model.layer(name) for name in objective.layers if name in model.layers]
    cuttable = can_be_cut(model, objective)
    if plan.tile and not cuttable:
        raise UsageError(f"{objective} looks at the picture as a whole and cannot be seen in tiles.")
    core = core or plan.tile
    if not cuttable or (height * width <= (core**2 or LARGE)):
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
    return Tiling(max(core or CORE, 2 * stride), halo, stride, fixed=is_fixed(plan))


def can_be_cut(model: Model, objective: Objective) -> bool:
    """Whether ``objective`` can be seen in tiles."""
    layers = [model.layer(name) for name in objective.layers if name in model.layers]
    return objective.local and not model.preprocessing.fixed and all(layer.stride for layer in layers)


def is_fixed(plan: Plan) -> bool:
    """Whether the user chose the tile, which is then kept where memory runs out."""
    return bool(plan.tile) and not plan.tile_fitted
