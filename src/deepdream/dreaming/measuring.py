"""The costs of one step on a small picture: time, memory, and what a dream holds."""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from deepdream.dreaming.beginning import start
from deepdream.dreaming.fitting import sizes_for
from deepdream.dreaming.loop import advance
from deepdream.errors import UsageError
from deepdream.tensors import generator, give_back_memory, resident_memory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deepdream.models.network import Model
    from deepdream.plan import Plan

#: Sides of the pictures that are measured. Large ones take less for each pixel: they go through the network in strips.
SIDES = (1024, 512, 256)


#: Settings that say how far steps go and what becomes of them, at these values; a step takes the same at all.
COUNTS_NOT: dict[str, Any] = {
    "preset": "", "octave_scale": 2.0, "rate": 1.0, "seed": 0, "blend": 1.0, "alpha_weight": 0.0, "tile_fitted": False,
}  # fmt: skip


#: No known network takes more bytes than this for a pixel; a picture that needs less is not measured.
MOST = 10_000


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


def probe(
    model: Model,
    plan: Plan,
    height: int,
    width: int,
    *,
    search_paths: Iterable[Path] = (),
    other_bytes: int = 0,
    side: int = SIDES[0],
) -> Costs:
    """The costs of a step of ``plan``, measured on gray noise of at most ``side`` pixels a side.

    ``other_bytes`` as of ``estimate``.

    Raises:
        UsageError, UnknownNameError, PictureError: as ``start`` of the same plan.
    """
    search_paths = tuple(search_paths)
    give_back_memory()
    resting = max(resident_memory() - other_bytes, 0)
    step = _one_step(model, plan, height, width, search_paths, side)
    without = _one_step(
        model, replace(plan, objective="total_variation()"), height, width, search_paths, side
    )
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
    model: Model, plan: Plan, height: int, width: int, search_paths: tuple[Path, ...], side: int
) -> _Step:
    small = one_step_of(plan)
    rows, columns = probe_size(model, small, height, width, side)
    noise = torch.rand(1, 3, rows, columns, generator=generator(0)) * 0.5 + 0.25
    state = start(model, small, noise, search_paths=search_paths)
    with _Alive() as alive:
        state = advance(model, state)
    began = time.perf_counter()
    score = advance(model, state).score
    assert score is not None
    float(score.sum())  # waits for the device
    seconds, pixels = time.perf_counter() - began, rows * columns
    source = _bytes_of(state.source, state.mask)
    beside = state.references.values() if state.references else ()
    state_bytes = _bytes_of(state.parameters, *state.moments, state.emphasis, *beside)
    return _Step(alive.most / pixels, seconds / pixels, state_bytes / pixels, source / pixels)


def one_step_of(plan: Plan) -> Plan:
    """``plan`` in a single octave that ends nowhere before its last step."""
    return replace(plan, octaves=1, steps=3, tile=0, strength=None, stop_at="")


def _bytes_of(*tensors: Tensor | None) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


def probe_size(model: Model, plan: Plan, height: int, width: int, most: int) -> tuple[int, int]:
    """A square of one of the sides that the layers can take, the largest that the picture and ``most`` allow; the
    picture's own size where none is."""
    for side in SIDES:
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
