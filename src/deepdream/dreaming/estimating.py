"""What a dream will take, before it is begun: tiles, memory and time; and tiles that fit into the memory there is.

A gradient of a small picture is measured; the rest is arithmetic, since time and memory grow with the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deepdream.ascent.sizes import Octave
from deepdream.ascent.tiling import CORE, LARGE, Tiling, expected_tiles, largest_tile
from deepdream.dreaming.fitting import objective_of, sizes_for, tiling_for
from deepdream.dreaming.measuring import COUNTS_NOT, MOST, SIDES, Costs, one_step_of, probe, probe_size
from deepdream.errors import UsageError
from deepdream.tensors import free_memory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deepdream.models.network import Model
    from deepdream.plan import Plan

#: Cores that are tried, from the usual one down.
_CORES = (CORE, 896, 640, 512, 384, 256)
#: How much more than its tensors a pass takes, for the scratch of its operations and blocks that do not fit into each
#: other; and how much more again where the tiles of a step, of many shapes, leave holes that others cannot use. From
#: benchmarks/memory.py.
_SCRATCH = 1.8
_HOLES = 2.0
#: Smaller tiles that do not fit either must bring memory down to this share.
_WORTH = 0.8
#: Pixels of all the pictures of a batch; eight of 256 x 256.
_TOGETHER = 8 * 256 * 256


@dataclass(frozen=True)
class OctaveEstimate:
    """One size: ``tiles`` is how many a step cuts it into on average (the grid moves), 1 where it is seen whole."""

    height: int
    width: int
    steps: int
    tiles: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """What a dream will take: the most bytes held at once, of the whole process, and the seconds of its steps.

    Reading and writing the picture, and measuring the result, are not in the seconds.
    """

    octaves: tuple[OctaveEstimate, ...]
    resting_bytes: int

    @property
    def bytes(self) -> int:
        return self.resting_bytes + max(octave.bytes for octave in self.octaves)

    @property
    def seconds(self) -> float:
        return sum(octave.seconds for octave in self.octaves)


def estimate(
    model: Model,
    plan: Plan,
    height: int,
    width: int,
    *,
    search_paths: Iterable[Path] = (),
    costs: Costs | None = None,
    other_bytes: int = 0,
) -> Estimate:
    """What the dream of a picture of this size takes, from ``costs`` (measured now if not given).

    ``other_bytes`` are held by the process now and not during the dream: those of the picture as it was read.

    Raises:
        UsageError, UnknownNameError, PictureError: as ``start`` of the same plan.
    """
    sizes = sizes_for(plan, model, height, width)
    goal = objective_of(plan, model)
    tilings = [tiling_for(plan, model, goal, size.height, size.width) for size in sizes]
    return add_up(
        costs or probe(model, plan, height, width, search_paths=search_paths, other_bytes=other_bytes),
        sizes,
        tilings,
    )


def add_up(costs: Costs, sizes: Iterable[Octave], tilings: Iterable[Tiling | None]) -> Estimate:
    """The arithmetic of ``estimate``: every size with how it is cut."""
    sizes = tuple(sizes)
    pixels = [size.height * size.width for size in sizes]
    # Beside the state at hand lies, in case the numbers go bad, the last of the size before.
    beside = (0, *pixels[:-1])
    octaves = tuple(
        _octave(costs, size, tiling, round(costs.source_bytes * pixels[-1] + costs.state_bytes * before))
        for size, tiling, before in zip(sizes, tilings, beside, strict=True)
    )
    return Estimate(octaves, costs.resting_bytes)


def _octave(costs: Costs, size: Octave, tiling: Tiling | None, beside: int) -> OctaveEstimate:
    pixels = size.height * size.width
    tiles, computed = 1.0, float(pixels)
    passing = max(_SCRATCH * costs.network_bytes, costs.canvas_bytes) * pixels
    if tiling is not None:
        tiles, computed = expected_tiles(size.height, size.width, tiling)
        largest = largest_tile(size.height, size.width, tiling)
        # The whole gradient lies beside its tiles; afterward it, what becomes of it and the new parameters together.
        tile = 12 * pixels + _HOLES * _SCRATCH * costs.network_bytes * largest
        passing = max(tile, 36 * pixels)
    fixed_bytes = beside + costs.state_bytes * pixels
    most = fixed_bytes + passing
    seconds = size.steps * (costs.network_seconds * computed + costs.canvas_seconds * pixels)
    return OctaveEstimate(size.height, size.width, size.steps, max(1, round(tiles)), round(most), seconds)


class Estimator:
    """Estimates of many plans; what a step takes is measured once for those that differ in nothing it depends on."""

    def __init__(self) -> None:
        self._measured: dict[tuple[int, tuple[int, int], Plan], Costs] = {}

    def estimate(
        self,
        model: Model,
        plan: Plan,
        height: int,
        width: int,
        *,
        search_paths: Iterable[Path] = (),
        other_bytes: int = 0,
    ) -> Estimate:
        """As the function ``estimate``."""
        search_paths, same = tuple(search_paths), one_step_of(replace(plan, **COUNTS_NOT))
        key = (id(model), probe_size(model, same, height, width, SIDES[0]), same)
        if key not in self._measured:
            self._measured[key] = probe(
                model, plan, height, width, search_paths=search_paths, other_bytes=other_bytes
            )
        return estimate(model, plan, height, width, search_paths=search_paths, costs=self._measured[key])


def fit_to_memory(
    model: Model,
    plan: Plan,
    height: int,
    width: int,
    *,
    search_paths: Iterable[Path] = (),
    other_bytes: int = 0,
) -> Plan:
    """``plan`` with tiles of which a pass takes at most half of the memory that is free now.

    The tile is written into the plan, so that the same plan gives the same picture where other memory is free. It
    stays as it is where it was chosen already, where the usual rule fits, where the objective sees the picture as a
    whole, and where nobody knows how much is free. ``other_bytes`` as of ``estimate``.

    Raises:
        UsageError, UnknownNameError, PictureError: as ``start`` of the same plan.
    """
    free = free_memory(model.device)
    whole = height * width * MOST
    if plan.tile or free is None or whole <= free / 2 or not _cuttable(model, plan, height, width):
        return plan
    search_paths = tuple(search_paths)
    # A small picture is soon measured and takes more for each pixel: what fits by it fits.
    for side in (SIDES[-1], SIDES[0]):
        costs = probe(
            model, plan, height, width, search_paths=search_paths, other_bytes=other_bytes, side=side
        )
        chosen = choose_tile(model, plan, height, width, costs, free + other_bytes)
        if chosen == plan:
            break
    return chosen


def choose_tile(model: Model, plan: Plan, height: int, width: int, costs: Costs, free: int) -> Plan:
    """``plan`` with the largest tile that fits into half of ``free`` bytes.

    If none does it is the smallest, or ``plan`` as it is where the picture itself takes nearly all of the memory:
    smaller tiles would then only take longer.
    """

    def needs(trial: Plan) -> int:
        estimated = estimate(model, trial, height, width, costs=costs)
        return max(octave.bytes for octave in estimated.octaves)

    usual = needs(plan)
    trials = [replace(plan, tile=core, tile_fitted=True) for core in _CORES if core * core < height * width]
    if usual <= free / 2 or not trials:
        return plan
    in_tiles_anyway = height * width > LARGE
    last = plan if in_tiles_anyway and needs(trials[-1]) > _WORTH * usual else trials[-1]
    return next((trial for trial in trials if needs(trial) <= free / 2), last)


def choose_batch(
    model: Model, plan: Plan, height: int, width: int, *, search_paths: Iterable[Path] = ()
) -> int:
    """How many pictures of this size to dream together: at most ``plan.batch``, fewer of large ones.

    A batch of more pixels than eight small pictures have gains nothing any more; it takes at most half of the
    memory that is free now.

    Raises:
        UsageError, UnknownNameError, PictureError: as ``start`` of the same plan.
    """
    pixels = height * width
    most = max(1, min(plan.batch, _TOGETHER // pixels))
    free = free_memory(model.device)
    if most == 1 or free is None or most * pixels * MOST <= free / 2:
        return most
    costs = probe(model, plan, height, width, search_paths=search_paths)
    each = _octave(costs, Octave(height, width, 1), None, pixels).bytes
    return max(1, min(most, int(free / 2 / each)))


def _cuttable(model: Model, plan: Plan, height: int, width: int) -> bool:
    try:
        trial = replace(plan, tile=_CORES[-1])
        return tiling_for(trial, model, objective_of(plan, model), height, width) is not None
    except UsageError:
        return False
