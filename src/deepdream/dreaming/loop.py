"""The dream: one loop, whose steps everything else reads.

The progress bar, the saver, the sheet and the tests all iterate ``dream``; to stop is to stop iterating.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.tiling import CORE, LARGE, SMALLEST, Tiling
from deepdream.dreaming.beginning import references_of, start
from deepdream.dreaming.control import at_distance, distances, result, target
from deepdream.dreaming.fitting import can_be_cut, is_fixed, sum_of, tiling_for
from deepdream.dreaming.state import State
from deepdream.dreaming.stepping import TRIES, enter_next_octave, failure, optimize, rates, step_direction
from deepdream.errors import UsageError
from deepdream.tensors import give_back_memory, is_out_of_memory, make_room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from deepdream.ascent.references import References
    from deepdream.models.network import Model
    from deepdream.plan import Plan

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
    search_paths: Iterable[Path] = (),
) -> Iterator[Step]:
    """The steps of a dream, from ``image`` or onward from ``state``.

    Everything is checked by this call, before the first step.

    Raises:
        UsageError, UnknownNameError: settings that do not fit the network or the picture.
    """
    if state is None:
        if image is None:
            raise UsageError("A dream needs a picture, or a state to go on from.")
        state = start(model, plan, image, search_paths=search_paths)
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
            if failures > TRIES:
                raise failure(model, state)
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


def _noted(score: Tensor, gradient: Tensor) -> Tensor:
    """``score``; infinity where the gradient is zero everywhere, NaN where a number is not finite."""
    low, high = torch.aminmax(gradient)
    dead = (low == 0) & (high == 0)
    score = torch.where(dead, torch.full_like(score, math.inf), score)
    return torch.where((low - high).isfinite(), score, torch.full_like(score, math.nan))


def advance(model: Model, state: State) -> State:
    """The state after one more step (the input is left as it is)."""
    if state.step >= state.size.steps:
        state = enter_next_octave(state)
    rng = torch.Generator()
    rng.set_state(state.rng_state)
    plan, size = state.plan, state.size
    tiling = tiling_for(plan, model, sum_of(state.goals), size.height, size.width, core=state.core)
    references = references_of(model, state) if state.references is None else state.references
    outcome = _gradient_or_cut(model, state, rng, tiling, references)
    if isinstance(outcome, State):
        return advance(model, outcome)
    gradient, score, shrinks = outcome
    del outcome
    make_room(gradient)
    score = _noted(score, gradient)
    direction = step_direction(gradient, state)
    del gradient
    pulled = state.parameterization.pull_back(state.parameters, direction)
    del direction
    change, moments = optimize(pulled, state)
    del pulled
    make_room(change)
    moved = torch.addcmul(state.parameters, rates(state), change)
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
    goal = target(state.plan)
    if goal is None:
        return state
    if state.plan.stop_at and not state.done and min(distances(state)) >= goal:
        state = replace(state, step=state.size.steps)
    return at_distance(state, goal) if state.done else state
