"""What a dream will take, before it is begun: tiles, memory and time; and tiles that fit into the memory there is.

A gradient of a small picture is measured; the rest is arithmetic, since time and memory grow with the pixels.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from deepdream.ascent.sizes import Octave
from deepdream.ascent.tiling import CORE, LARGE, Tiling, expected_tiles, largest_tile
from deepdream.dreaming.beginning import start
from deepdream.dreaming.fitting import objective_of, sizes_for, tiling_for
from deepdream.dreaming.loop import advance
from deepdream.errors import UsageError
from deepdream.models.network import Model
from deepdream.plan import Plan
from deepdream.tensors import free_memory, generator, give_back_memory, resident_memory

#: Sides of the pictures that are measured. Large ones take less for each pixel: they go through the network in strips.
_SIDES = (1024, 512, 256)
#: Cores that are tried, from the usual one down.
_CORES = (CORE, 896, 640, 512, 384, 256)
#: How much more than its tensors a pass takes, for the scratch of its operations and blocks that do not fit into each
#: other; and how much more again where the tiles of a step, of many shapes, leave holes that others cannot use. From
#: benchmarks/memory.py.
_SCRATCH = 1.8
_HOLES = 2.0
#: Smaller tiles that do not fit either must bring memory down to this share.
_WORTH = 0.8
#: Settings that say how far steps go and what becomes of them, at these values; a step takes the same at all.
_COUNTS_NOT: dict[str, Any] = {
    "preset": "", "octave_scale": 2.0, "rate": 1.0, "seed": 0, "blend": 1.0, "alpha_weight": 0.0, "tile_fitted": False,
}  # fmt: skip
#: No known network takes more bytes than this for a pixel; a picture that needs less is not measured.
_MOST = 10_000
#: Pixels of all the pictures of a batch; eight of 256 x 256.
_TOGETHER = 8 * 256 * 256


@dataclass(frozen=True)
class Costs:
    """What one step takes for each pixel, on the machine where it was measured.

    Attributes:
        network_bytes: The most that a step makes and holds at once, as far as it passes through the network.
        canvas_bytes: The same of all that is done with the picture without a network.
        network_seconds, canvas_seconds: Likewise.
        state_bytes: What the dream holds between two steps at the size that it has come to: parameters, emphasis,
            the optimizer's memory, what the objective is compared with.
        source_bytes: What it holds at full size: the picture, the mask.
        resting_bytes: What the process holds anyway: Python, torch, the weights.
    """

    network_bytes: float
    canvas_bytes: float
    network_seconds: float
    canvas_seconds: float
    state_bytes: float = 16.0
    source_bytes: float = 12.0
    resting_bytes: int = 0


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
    places: Iterable[Path] = (),
    costs: Costs | None = None,
    held: int = 0,
) -> Estimate:
    """What the dream of a picture of this size takes, from ``costs`` (measured now if not given).

    ``held`` are bytes that the process holds now and will not hold during the dream: those of the picture as read.

    Raises:
        UsageError, UnknownNameError, PictureError: as ``start`` of the same plan.
    """
    sizes = sizes_for(plan, model, height, width)
    goal = objective_of(plan, model)
    tilings = [tiling_for(plan, model, goal, size.height, size.width) for size in sizes]
    return add_up(costs or probe(model, plan, height, width, places=places, held=held), sizes, tilings)


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
    tiles, seen = 1.0, float(pixels)
    passing = max(_SCRATCH * costs.network_bytes, costs.canvas_bytes) * pixels
    if tiling is not None:
        tiles, seen = expected_tiles(size.height, size.width, tiling)
        largest = largest_tile(size.height, size.width, tiling)
        # The whole gradient lies beside its tiles; afterward it, what becomes of it and the new parameters together.
        tile = 12 * pixels + _HOLES * _SCRATCH * costs.network_bytes * largest
        passing = max(tile, 36 * pixels)
    held = beside + costs.state_bytes * pixels
    most = held + passing
    seconds = size.steps * (costs.network_seconds * seen + costs.canvas_seconds * pixels)
    return OctaveEstimate(size.height, size.width, size.steps, max(1, round(tiles)), round(most), seconds)


class Estimator:
    """Estimates of many plans; what a step takes is measured once for those that differ in nothing it depends on."""

    def __init__(self) -> None:
        self._measured: dict[tuple[int, tuple[int, int], Plan], Costs] = {}

    def estimate(
        self, model: Model, plan: Plan, height: int, width: int, *, places: Iterable[Path] = (), held: int = 0
    ) -> Estimate:
        """As the function ``estimate``."""
        places, same = tuple(places), _one_step_of(replace(plan, **_COUNTS_NOT))
        key = (id(model), _probe_size(model, same, height, width, _SIDES[0]), same)
        if key not in self._measured:
            self._measured[key] = probe(model, plan, height, width, places=places, held=held)
        return estimate(model, plan, height, width, places=places, costs=self._measured[key])


def fit_to_memory(
    model: Model, plan: Plan, height: int, width: int, *, places: Iterable[Path] = (), held: int = 0
) -> Plan:
    """``plan`` with tiles of which a pass takes at most half of the memory that is free now.

    The tile is written into the plan, so that the same plan gives the same picture where other memory is free. It
    stays as it is where it was chosen already, where the usual rule fits, where the objective sees the picture as a
    whole, and where nobody knows how much is free. ``held`` as of ``estimate``.

    Raises:
        UsageError, UnknownNameError, PictureError: as ``start`` of the same plan.
    """
    free = free_memory(model.device)
    whole = height * width * _MOST
    if plan.tile or free is None or whole <= free / 2 or not _cuttable(model, plan, height, width):
        return plan
    places = tuple(places)
    # A small picture is soon measured and takes more for each pixel: what fits by it fits.
    for side in (_SIDES[-1], _SIDES[0]):
        costs = probe(model, plan, height, width, places=places, held=held, side=side)
        chosen = choose_tile(model, plan, height, width, costs, free + held)
        if chosen == plan:
            break
    return chosen


def choose_tile(model: Model, plan: Plan, height: int, width: int, costs: Costs, free: int) -> Plan:
    """``plan`` with the largest tile that fits into half of ``free`` bytes.

    If none does it is the smallest, or ``plan`` as it is where the picture itself takes nearly all of the memory:
    smaller tiles would then only take longer.
    """

    def needs(trial: Plan) -> int:
        found = estimate(model, trial, height, width, costs=costs)
        return max(octave.bytes for octave in found.octaves)

    usual = needs(plan)
    trials = [replace(plan, tile=core, tile_fitted=True) for core in _CORES if core * core < height * width]
    if usual <= free / 2 or not trials:
        return plan
    in_tiles_anyway = height * width > LARGE
    last = plan if in_tiles_anyway and needs(trials[-1]) > _WORTH * usual else trials[-1]
    return next((trial for trial in trials if needs(trial) <= free / 2), last)


def choose_batch(model: Model, plan: Plan, height: int, width: int, *, places: Iterable[Path] = ()) -> int:
    """How many pictures of this size to dream together: at most ``plan.batch``, fewer of large ones.

    A batch of more pixels than eight small pictures have gains nothing any more; it takes at most half of the
    memory that is free now.

    Raises:
        UsageError, UnknownNameError, PictureError: as ``start`` of the same plan.
    """
    pixels = height * width
    most = max(1, min(plan.batch, _TOGETHER // pixels))
    free = free_memory(model.device)
    if most == 1 or free is None or most * pixels * _MOST <= free / 2:
        return most
    costs = probe(model, plan, height, width, places=places)
    each = _octave(costs, Octave(height, width, 1), None, pixels).bytes
    return max(1, min(most, int(free / 2 / each)))


def _cuttable(model: Model, plan: Plan, height: int, width: int) -> bool:
    try:
        trial = replace(plan, tile=_CORES[-1])
        return tiling_for(trial, model, objective_of(plan, model), height, width) is not None
    except UsageError:
        return False


def probe(
    model: Model,
    plan: Plan,
    height: int,
    width: int,
    *,
    places: Iterable[Path] = (),
    held: int = 0,
    side: int = _SIDES[0],
) -> Costs:
    """The costs of a step of ``plan``, measured on gray noise of at most ``side`` pixels a side.

    ``held`` as of ``estimate``.

    Raises:
        UsageError, UnknownNameError, PictureError: as ``start`` of the same plan.
    """
    places = tuple(places)
    give_back_memory()
    resting = max(resident_memory() - held, 0)
    step = _one_step(model, plan, height, width, places, side)
    without = _one_step(model, replace(plan, objective="total_variation()"), height, width, places, side)
    return Costs(
        step.made, without.made, max(step.seconds - without.seconds, 0.0), without.seconds,
        step.state, step.source, resting,
    )  # fmt: skip


@dataclass(frozen=True)
class _Step:
    """What a step of a single octave took for each pixel: see ``Costs``."""

    made: float
    seconds: float
    state: float
    source: float


def _one_step(
    model: Model, plan: Plan, height: int, width: int, places: tuple[Path, ...], side: int
) -> _Step:
    small = _one_step_of(plan)
    rows, columns = _probe_size(model, small, height, width, side)
    noise = torch.rand(1, 3, rows, columns, generator=generator(0)) * 0.5 + 0.25
    state = start(model, small, noise, places=places)
    with _Alive() as alive:
        state = advance(model, state)
    began = time.perf_counter()
    score = advance(model, state).score
    assert score is not None
    float(score.sum())  # waits for the device
    seconds, pixels = time.perf_counter() - began, rows * columns
    source = _bytes_of(state.source, state.mask)
    beside = state.references.values() if state.references else ()
    kept = _bytes_of(state.parameters, *state.moments, state.emphasis, *beside)
    return _Step(alive.most / pixels, seconds / pixels, kept / pixels, source / pixels)


def _one_step_of(plan: Plan) -> Plan:
    """``plan`` in a single octave that ends nowhere before its last step."""
    return replace(plan, octaves=1, steps=3, tile=0, strength=None, stop_at="")


def _bytes_of(*tensors: Tensor | None) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


def _probe_size(model: Model, plan: Plan, height: int, width: int, most: int) -> tuple[int, int]:
    """A square of one of the sides that the layers can take, the largest that the picture and ``most`` allow; the
    picture's own size where none is."""
    for side in _SIDES:
        if side > most or side * side > height * width or side > 4 * min(height, width):
            continue
        try:
            sizes_for(plan, model, side, side)
        except UsageError:
            break
        return side, side
    return height, width


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that live at once of those made inside; ``most`` is the peak."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._seen: dict[int, Any] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or its first call imports torch._dynamo, which takes seconds

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf)
        return result

    def _count(self, tensor: Tensor) -> None:
        if tensor.is_mkldnn:  # a kernel in oneDNN's own order, made once, has no storage to look at
            return
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in self._seen:
            return

        def forget(_: Any) -> None:
            self.now -= size
            self._seen.pop(key, None)

        self._seen[key] = weakref.ref(storage, forget)
        self.now += size
        self.most = max(self.most, self.now)
