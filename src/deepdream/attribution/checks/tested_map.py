"""A map under test, and how it is computed anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from deepdream.attribution.explanation import Explanation
from deepdream.models import Model

Recompute = Callable[[Model, Tensor, int], Tensor]


@dataclass(frozen=True, eq=False)
class MapUnderTest:
    """A method's map in a context.

    Attributes:
        heatmap: (H, W), signed and unscaled.
        recompute: The same method on another network, picture (1, 3, H, W) or class; None for a map of unknown origin.
        explanation: Where the map comes from, if a method of the registry made it.
        reduced_passes: The most passes of ``recompute``, where they are fewer than those of ``heatmap``.
        seconds: What ``recompute`` will take.
    """

    method: str
    heatmap: Tensor
    recompute: Recompute | None = None
    explanation: Explanation | None = None
    reduced_passes: int | None = None
    seconds: float = 0.0


def needs_method(context: object, tested_map: MapUnderTest) -> str | None:
    """Why a check that computes maps anew cannot be made of a map of unknown origin, or None."""
    del context
    return None if tested_map.recompute else "it needs the method itself, not only its map"
