"""Control of the effect: where, in what, how much and how far from the original a picture may change."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor

from deepdream.ascent.gradient_filters import blur
from deepdream.ascent.resampling import resize_picture
from deepdream.dreaming.distance import structural_similarity
from deepdream.dreaming.state import State
from deepdream.plan import Plan, parse_stop
from deepdream.tensors import doubled

_BAND = 250_000  # pixels that are looked at at once: few enough to stay near the processor
_FARTHEST = 4.0  # times the change as it is
_EXACT = 1e-5  # of the wanted distance
_LUMA = (0.299, 0.587, 0.114)  # Rec. 601, as in YCbCr


def shape_mask(gray: Tensor, plan: Plan) -> Tensor:
    """The mask of a gray picture (1, 1, H, W) in [0, 1]: turned inside out and feathered as the plan says."""
    mask = 1 - gray if plan.mask_outside else gray
    return blur(mask, plan.feather / 2).clamp(0, 1) if plan.feather else mask


def allowed(change: Tensor, keep: str) -> Tensor:
    """The part of a change (B, 3, H, W) that leaves the luminance or the color (luma, chroma of YCbCr) as it is.

    The same number added to R, G and B changes the luma alone; what is left without it, the chroma alone.
    """
    if keep == "nothing":
        return change
    weights = torch.tensor(_LUMA, device=change.device, dtype=change.dtype).view(1, 3, 1, 1)
    luma = (change * weights).sum(dim=1, keepdim=True)
    return luma.expand_as(change) if keep == "color" else change - luma


def controlled(
    before: Tensor, after: Tensor, plan: Plan, mask: Tensor | None, *, blend: float = 1.0
) -> Tensor:
    """``before`` with what may change of it on the way to ``after``; pictures (B, 3, H, W) in [0, 1]."""
    if mask is None and plan.keep == "nothing" and blend == 1:
        return after
    change = allowed(after - before, plan.keep)
    if mask is not None:
        change = change * mask
    return (before + blend * change).clamp(0, 1)


def result(state: State) -> Tensor:
    """The picture as it is now at the current octave's size, with the plan's control of the effect."""
    if state.mask is None and state.plan.keep == "nothing" and state.plan.blend == 1:
        return state.image()
    return controlled(state.base(), state.image(), state.plan, mask_at(state), blend=state.plan.blend)


def mask_at(state: State) -> Tensor | None:
    """The mask at the current octave's size."""
    if state.mask is None:
        return None
    return resize_picture(state.mask, state.size.height, state.size.width)


def target(plan: Plan) -> float | None:
    """How far the dream is to go, in the units of ``distance``; None where the rate decides."""
    if not plan.stop_at:
        return plan.strength
    name, value = parse_stop(plan.stop_at)
    return value if name == "l2" else math.sqrt(1 - value)


def distances(state: State, base: Tensor | None = None) -> list[float]:
    """How far each picture is from what it was, at the current octave, in a unit that grows as the change does.

    ``base`` is what it was there, ``state.base()`` if not given.

    For a strength, the root mean square of the change where the mask lets it be, before blending. For a distance
    to stop at, that of the result: its root mean square, or the root of 1 - SSIM.
    """
    base = state.base() if base is None else base
    image, mask = state.image(), mask_at(state)
    bands = _bands(*base.shape[-2:]) if not state.plan.stop_at.startswith("ssim") else [slice(None)]
    return [
        _distance(state.plan, [_rows(band, base[i : i + 1], image[i : i + 1], mask) for band in bands])
        for i in range(len(base))
    ]


_View = tuple[Tensor, Tensor, Tensor | None]
_Views = Iterable[_View]


def _bands(height: int, width: int) -> list[slice]:
    """The rows of a picture, so many at a time as a large one has room for."""
    rows = max(1, _BAND // width)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def _rows(band: slice, before: Tensor, after: Tensor, mask: Tensor | None) -> _View:
    return before[..., band, :], after[..., band, :], None if mask is None else mask[..., band, :]


def _distance(plan: Plan, views: _Views) -> float:
    """The distance over all ``views`` (before, after, mask), parts of one picture."""
    squares = room = 0.0
    for before, after, mask in views:
        image = controlled(before, after, plan, mask, blend=plan.blend if plan.stop_at else 1.0)
        if plan.stop_at.startswith("ssim"):
            return math.sqrt(max(0.0, 1 - structural_similarity(before, image)))
        squares += float(torch.linalg.vector_norm(image - before)) ** 2
        share = 1.0 if mask is None or plan.stop_at else float(doubled(mask).square().mean())
        room += share * image.numel()
    return math.sqrt(squares / max(room, 1e-12))


def at_distance(state: State, distance: float) -> State:
    """The same dream at exactly the wanted distance: the change of each picture's parameters scaled by one factor."""
    if len(state.source) == 1:
        return replace(state, parameters=_at_distance(state, distance))
    alone = [state.alone(index) for index in range(len(state.source))]
    return replace(state, parameters=torch.cat([_at_distance(one, distance) for one in alone]))


def _at_distance(state: State, goal: float) -> Tensor:
    scaling = _Scaling(state)
    return scaling.parameters(_factor(lambda factor: _distance(state.plan, scaling.views(factor)), goal))


def _factor(distance: Callable[[float], float], goal: float) -> float:
    """Where ``distance``, which grows from 0, reaches ``goal``; the farthest place if it nowhere does.

    By secants, which the distance is nearly, each within the bounds that are known.
    """
    low, high = 0.0, math.inf
    before, factor = (0.0, 0.0), 1.0
    for _ in range(16):
        value = distance(factor)
        if abs(value - goal) <= _EXACT * goal or (factor == _FARTHEST and value < goal):
            return factor
        low, high = (factor, high) if value < goal else (low, factor)
        if high - low < _EXACT**2:  # as near as numbers can tell
            break
        rise = (value - before[1]) / (factor - before[0])
        before = factor, value
        guess = min(factor + (goal - value) / rise, _FARTHEST) if rise > 0 else math.inf
        factor = guess if low < guess < high else (low + min(high, _FARTHEST)) / 2
    return low


class _Scaling:
    """The change of the parameters times a factor; band by band where a large picture has no room for copies."""

    def __init__(self, state: State) -> None:
        self.state = state
        height, width = state.source.shape[-2:]
        banded = state.parameterization.pixelwise and not state.plan.stop_at
        self.bands = _bands(height, width) if banded else [slice(0, height)]
        self.start = state.parameterization.encode(state.source) if len(self.bands) == 1 else None

    def views(self, factor: float) -> _Views:
        for rows in self.bands:
            before = self.state.source[..., rows, :]
            after = self.state.parameterization.decode(self._scaled(rows, factor), *before.shape[-2:])
            yield before, after, None if self.state.mask is None else self.state.mask[..., rows, :]

    def parameters(self, factor: float) -> Tensor:
        if len(self.bands) == 1:
            return self._scaled(self.bands[0], factor)
        parameters = torch.empty_like(self.state.parameters)
        for rows in self.bands:
            parameters[..., rows, :] = self._scaled(rows, factor)
        return parameters

    def _scaled(self, rows: slice, factor: float) -> Tensor:
        parameterization = self.state.parameterization
        start, now = self.start, self.state.parameters
        if start is None:
            start, now = parameterization.encode(self.state.source[..., rows, :]), now[..., rows, :]
        return parameterization.project(start + factor * (now - start))
