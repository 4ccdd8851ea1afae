"""Dreams of pictures of one size as one batch, of which each picture is as it would be alone.

What a network does for a batch is done once: passes through small layers, drawn transforms, Python's own time.
Nothing is shared that a picture could tell its neighbors by: scores, sizes and paces are of one picture each, all
meet the same chance, and a picture whose numbers go bad leaves the batch and is dreamed on by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepdream.ascent.objective_lists import join_goals
from deepdream.ascent.term_inputs import INPUT
from deepdream.dreaming import loop
from deepdream.dreaming.state import State
from deepdream.models.network import Model
from deepdream.plan import Plan
from deepdream.tensors import is_out_of_memory


@dataclass(frozen=True, eq=False)
class Together:
    """A batch after a step.

    Attributes:
        state: That of all who are still in, in the order of ``members``; None where nobody is.
        members: Which of the dreams that began they are.
        left: Who left at this step, each with the state from which it continues alone.
    """

    state: State | None
    members: tuple[int, ...]
    left: tuple[tuple[int, State], ...] = ()


def may_join(plan: Plan, state: State) -> bool:
    """Whether this dream can be one of a batch without being another than alone.

    Not where a batch shares what is climbed (the parameterization ``shared``, a guide made of the picture itself)
    and not where a picture stops when it has gone far enough: the others would drag it along.
    """
    of_batch = any(
        reference.role == "bank" and reference.source == INPUT
        for goal in state.goals
        for reference in goal.references
    )
    return not (of_batch or plan.parameterization == "shared" or plan.stop_at or len(state.source) > 1)


def fits_with(one: State, other: State) -> bool:
    """Whether two dreams can be steps of one batch: settings, sizes and place are the same."""
    alike = one.plan == other.plan and one.octaves == other.octaves and one.number == other.number
    return (
        alike
        and one.parameters.shape == other.parameters.shape
        and torch.equal(one.rng_state, other.rng_state)
    )


def join(states: Sequence[State]) -> State:
    """One state of all the pictures, each of which ``alone`` gives back; all must fit with the first."""
    first = states[0]
    if len(states) == 1:
        return first
    goals = join_goals(goal for state in states for goal in state.goals)
    return replace(
        first,
        plan=replace(first.plan, objective=goals),
        source=torch.cat([state.source for state in states]),
        parameters=torch.cat([state.parameters for state in states]),
        moments=tuple(torch.cat(parts) for parts in zip(*(state.moments for state in states), strict=True)),
        emphasis=_joined([state.emphasis for state in states]),
        pace=torch.cat([state.pace for state in states]),
        score=_joined([state.score for state in states]),
        scores=tuple(torch.cat(parts) for parts in zip(*(state.scores for state in states), strict=True)),
        references=None,
    )


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None


def dream_batched(model: Model, states: Sequence[State]) -> Iterator[Together]:
    """The steps of a batch, until all of its dreams are done or have left.

    Where memory runs out all of them leave.
    """
    state, members = join(states), tuple(range(len(states)))
    earlier, good = None, state
    while members and not state.done:
        try:
            state = loop.advance(model, state)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            yield Together(None, (), _alone(good, members, range(len(members))))
            return
        dropped: tuple[tuple[int, State], ...] = ()
        if loop.is_due(state):
            # The places of the pictures whose numbers went bad.
            assert state.score is not None
            bad = [index for index, fine in enumerate(state.score.isfinite().tolist()) if not fine]
            if bad:
                # From one step earlier, as a dream alone goes back: what led there is what has to change.
                dropped = _alone(earlier or good, members, bad)
                state, good, members = _without(bad, state, good, members)
            earlier, good = good, state
        yield Together(state if members else None, members, dropped)


def _alone(state: State, members: Sequence[int], indexes: Sequence[int]) -> tuple[tuple[int, State], ...]:
    return tuple((members[index], state.alone(index)) for index in indexes)


def _without(
    indexes: Sequence[int], state: State, good: State, members: tuple[int, ...]
) -> tuple[State, State, tuple[int, ...]]:
    """The batch, and what it was before, without the pictures at ``indexes``."""
    remaining = [index for index in range(len(members)) if index not in indexes]
    if not remaining:
        return state, good, ()
    return (
        join([state.alone(index) for index in remaining]),
        join([good.alone(index) for index in remaining]),
        tuple(members[index] for index in remaining),
    )
