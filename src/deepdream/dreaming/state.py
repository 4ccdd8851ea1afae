"""Everything a dream needs to go on, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from deepdream.ascent.objectives import Need
from deepdream.ascent.parameterizations import PARAMETERIZATIONS, Parameterization
from deepdream.ascent.resampling import shrink_through
from deepdream.ascent.sizes import Octave
from deepdream.plan import Plan


@dataclass(frozen=True, eq=False)
class State:
    """A dream between two steps.

    Attributes:
        plan: Its settings.
        source: The picture before the dream, (1, 3, H, W) in [0, 1] at full size.
        octaves: The sizes to go through.
        octave, step: Which octave, and how many of its steps are done.
        parameters: What the ascent moves, at the current octave's size.
        moments: The optimizer's memory, none or two tensors like ``parameters``.
        chance: The random generator's state.
        emphasis: (1, 1, h, w) weights of the direction; None for the same weight everywhere.
        pace: Factor on the rate that keeps the dream on its way to the wanted strength.
        score: The objective before the last step; None before the first.
        scores: For every octave so far, the objective before its first and before its last step.
        mask: (1, 1, H, W) at full size, 1 where the picture may change; None for everywhere.
        files: What the files hold that the objective names, by (role, resource).
        references: What the objective is compared with at the current octave's size; None until it is made.
    """

    plan: Plan
    source: Tensor
    octaves: tuple[Octave, ...]
    octave: int
    step: int
    parameters: Tensor
    moments: tuple[Tensor, ...]
    chance: Tensor
    emphasis: Tensor | None = None
    pace: float = 1.0
    score: Tensor | None = None
    scores: tuple[Tensor, ...] = ()
    mask: Tensor | None = None
    files: Mapping[tuple[str, str], Tensor] = field(default_factory=dict)
    references: Mapping[Need, Tensor] | None = None

    @property
    def parameterization(self) -> Parameterization:
        return PARAMETERIZATIONS[self.plan.parameterization]

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

    def base(self, octave: int | None = None) -> Tensor:
        """The picture before the dream at an octave's size (the current one if not given)."""
        octave = self.octave if octave is None else octave
        sizes = [(o.height, o.width) for o in reversed(self.octaves[octave:])]
        if sizes[-1] == tuple(self.source.shape[-2:]):
            return self.source  # in [0, 1] already, and a large picture has no room for a copy
        return shrink_through(self.source, sizes, how=self.plan.resampling)

    def image(self) -> Tensor:
        """The picture as it is now, (1, 3, h, w) in [0, 1] at the current octave's size."""
        return self.parameterization.decode(self.parameters, self.size.height, self.size.width).detach()
