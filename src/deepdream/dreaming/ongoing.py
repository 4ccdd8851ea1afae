"""A dream between two steps: its state, and what the finished picture will say of itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepdream.dreaming.measures import Measures
from deepdream.dreaming.state import State
from deepdream.errors import UsageError
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.provenance import Prediction, Recipe, versions

if TYPE_CHECKING:
    from deepdream.dreaming.loop import Step


@dataclass(frozen=True, eq=False)
class Dream:
    """A dream that can continue, or be finished as it is.

    Attributes:
        state: Between two steps.
        recipe: As it was before the first step; ``completed`` gives that of the finished picture.
        alpha: float32 (H, W) at full size, or None.
    """

    state: State
    recipe: Recipe
    alpha: NDArray[np.float32] | None = None

    def after(self, step: Step) -> Dream:
        """The same dream after ``step``."""
        return replace(self, state=step.state)

    def completed(
        self,
        model: Model,
        state: State,
        image: Tensor,
        measures: Measures,
        *,
        after: tuple[Prediction, ...] | None = None,
    ) -> Recipe:
        """The recipe of ``image``, which ``state`` has come to; the model computes ``after`` if it is not given."""
        return replace(
            self.recipe,
            plan=state.plan,
            threads=torch.get_num_threads(),
            score=_finite(state.score),
            gains=gains(state),
            measures=measures.to_dict(),
            after=top_classes(model, image)[0] if after is None else after,
            finished=state.done,
            shrinks=state.shrinks,
        )


def dream_of(
    model: Model,
    picture: Picture,
    state: State,
    *,
    alpha: NDArray[np.float32] | None,
    decided_by: str,
    value_range: str,
    before: tuple[Prediction, ...] | None = None,
) -> Dream:
    """The dream that begins with ``state``; the model computes ``before`` if it is not given."""
    height, width = state.source.shape[-2:]
    recipe = Recipe(
        plan=state.plan,
        model=model.record(),
        networks=tuple(member.record() for member in model.members),
        input={
            "name": picture.name,
            "sha256": picture.sha256,
            "width": picture.width,
            "height": picture.height,
            "range": value_range,
        },
        width=width,
        height=height,
        octaves=tuple((octave.height, octave.width) for octave in state.octaves),
        device=str(model.device),
        threads=torch.get_num_threads(),
        versions=versions(),
        before=top_classes(model, state.source)[0] if before is None else before,
        finished=False,
        decided_by=decided_by,
    )
    return Dream(state, recipe, alpha)


def top_classes(model: Model, images: Tensor) -> list[tuple[Prediction, ...]]:
    """The five most probable classes of each picture (B, 3, H, W); none where the network is no classifier."""
    try:
        predictions = model.classify(images)
    except UsageError:
        return [()] * len(images)
    return [
        tuple(Prediction(index, label, round(share, 6)) for index, label, share in classes if share == share)
        for classes in predictions
    ]


def gains(state: State) -> tuple[float, ...]:
    """For every octave that was dreamed: the objective before its last step over that before its first.

    Octaves that begin at zero or below are left out of the count: a share of nothing says nothing.
    """
    if state.score is None or state.score.numel() > 1:
        return ()
    pairs = [
        (float(first), float(last)) for first, last in zip(state.scores[::2], state.scores[1::2], strict=True)
    ]
    return tuple(round(last / first, 6) for first, last in pairs if first > 0 and abs(last) < 1e30)


def _finite(score: Tensor | None) -> float | None:
    """``score`` as JSON can hold it."""
    return float(score) if score is not None and score.numel() == 1 and score.isfinite() else None
