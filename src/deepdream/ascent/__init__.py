"""Gradient ascent on a network: objectives, parameterizations, gradients and their conditioning, octaves.

Every registered kind of objective (``deepdream objectives`` lists them) is a function of this package:
``from deepdream.ascent import layer, channel``.
"""

from __future__ import annotations

from collections.abc import Callable

from deepdream.ascent.arguments import CLASS, INDEX, LAYER, NETWORK, PICTURE, VECTOR, number, share
from deepdream.ascent.objectives import (
    OBJECTIVES,
    Objective,
    TermInputs,
    masked,
    objective_kind,
    parse_objective,
)
from deepdream.ascent.sizes import Octave, octaves

__all__ = [
    "CLASS",
    "INDEX",
    "LAYER",
    "NETWORK",
    "OBJECTIVES",
    "PICTURE",
    "VECTOR",
    "Objective",
    "Octave",
    "TermInputs",
    "masked",
    "number",
    "objective_kind",
    "octaves",
    "parse_objective",
    "share",
    *OBJECTIVES,
]


def __getattr__(name: str) -> Callable[..., Objective]:
    """The function that makes objectives of the registered kind ``name``."""
    if name not in OBJECTIVES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return OBJECTIVES[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *OBJECTIVES})
