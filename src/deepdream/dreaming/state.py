"""Everything a dream needs to go on, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from deepdream.ascent.objective_lists import parse_goals
from deepdream.ascent.objectives import Objective, Reference
from deepdream.ascent.parameterizations import Parameterization, parameterization_for
from deepdream.ascent.resampling import shrink_through
from deepdream.ascent.sizes import Octave
from deepdream.plan import Plan


@dataclass(frozen=True, eq=False)
class State:
    """A dream between two steps.

    Attributes:
        plan: Its settings.
        source: The pictures before the dream, (B, 3, H, W) in [0, 1] at full size.
        octaves: The sizes to go through.
        octave, step: Which octave, and how many of its steps are done.
        parameters: What the ascent moves, at the current octave's size; the first axis counts the pictures.
        moments: The optimizer's memory, none or two tensors like ``parameters``.
        rng_state: The random generator's state.
        emphasis: (B, 1, h, w) weights of the direction; None for the same weight everywhere.
        pace: (B,) factors on the rate that keep each picture on its way to the wanted strength; float64, on the CPU.
        score: (G,) objectives before the last step; None before the first.
        scores: For every octave so far, the objectives before its first and before its last step.
        mask: (1, 1, H, W) at full size, 1 where the picture may change; None for everywhere.
        files: What the files hold that the objective names, by (role, resource).
        shrinks: Where memory ran out: (step, core) of the tiles from that step on; see ``core``.
        references: What the objective is compared with at the current octave's size; None until it is made.
    """

    plan: Plan
    source: Tensor
    octaves: tuple[Octave, ...]
    octave: int
    step: int
    parameters: Tensor
    moments: tuple[Tensor, ...]
    rng_state: Tensor
    emphasis: Tensor | None = None
    pace: Tensor = field(default_factory=lambda: torch.ones(1, dtype=torch.float64))
    score: Tensor | None = None
    scores: tuple[Tensor, ...] = ()
    mask: Tensor | None = None
    files: Mapping[tuple[str, str], Tensor] = field(default_factory=dict)
    shrinks: tuple[tuple[int, int], ...] = ()
    references: Mapping[Reference, Tensor] | None = None

    @property
    def core(self) -> int:
        """What the tiles have come to where memory ran out; 0 where it has not."""
        return self.shrinks[-1][1] if self.shrinks else 0

    @property
    def parameterization(self) -> Parameterization:
        return parameterization_for(self.plan)

    @property
    def size(self) -> Octave:
        """The current octave."""
        return self.octaves[self.octave]

    @property
    def done(self) -> bool:
        """Whether every step of every octave has been made."""
        return self.octave == len(self.octaves) - 1 and self.step >= self.size.steps

    @property
    def number(self) -> int:
        """How many steps have been made in all."""
        return sum(o.steps for o in self.octaves[: self.octave]) + self.step

    @property
    def total(self) -> int:
        """How many steps there are in all."""
        return sum(o.steps for o in self.octaves)

    @property
    def goals(self) -> tuple[Objective, ...]:
        """The objectives in the order of the pictures, each of ``plan.pictures`` neighboring ones."""
        return parse_goals(self.plan.objective)

    def alone(self, index: int) -> State:
        """The state of one picture of the batch, whose plan names what that picture climbs."""
        goals = self.goals
        goal, one = index * len(goals) // len(self.source), slice(index, index + 1)
        return replace(
            self,
            plan=replace(self.plan, objective=str(goals[goal])),
            source=self.source[one],
            parameters=self.parameters[one],
            moments=tuple(moment[one] for moment in self.moments),
            emphasis=None if self.emphasis is None else self.emphasis[one],
            pace=self.pace[one],
            score=None if self.score is None else self.score[goal : goal + 1],
            scores=tuple(score[goal : goal + 1] for score in self.scores),
            references=None,
        )

    def base(self, octave: int | None = None) -> Tensor:
        """The pictures before the dream at an octave's size (the current one if not given)."""
        octave = self.octave if octave is None else octave
        sizes = [(o.height, o.width) for o in reversed(self.octaves[octave:])]
        if sizes[-1] == tuple(self.source.shape[-2:]):
            return self.source  # in [0, 1] already, and a large picture has no room for a copy
        return shrink_through(self.source, sizes, how=self.plan.resampling)

    def canvas(self) -> Tensor:
        """The pictures as they are now, (B, C, h, w) in [0, 1] at the current octave's size; C is 4 with opacity."""
        return self.parameterization.decode(self.parameters, self.size.height, self.size.width).detach()

    def image(self) -> Tensor:
        """Their colors, (B, 3, h, w)."""
        return self.canvas()[:, :3]

    def opacity(self) -> Tensor | None:
        """How opaque they are, (B, 1, h, w); None where they all are, everywhere."""
        return self.canvas()[:, 3:] if self.plan.alpha else None

    def shown(self, parameters: Tensor) -> Tensor:
        """The canvas of a part of the parameters, of a parameterization that is ``pixelwise``."""
        return self.parameterization.decode(parameters, *parameters.shape[-2:]).detach()
