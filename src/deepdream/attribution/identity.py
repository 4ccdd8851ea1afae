"""What must hold of a method on any network: the registry of the battery's identities, and their measures.

A method that promises a sum is measured by it. Every other one has something else that must hold whatever the
network: a limit in which it becomes another method, a slope that can be measured, a closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import Tensor

from deepdream.attribution.registry import Outcome, find_method
from deepdream.attribution.score_function import ScoreFunction

Measure = Callable[[ScoreFunction], float]


@dataclass(frozen=True)
class Identity:
    """What must hold, in words, and by how much it does not, as a share."""

    words: str
    error: Measure
    tolerance: float = 0.01


_IDENTITIES: dict[str, Identity] = {}


def identities() -> Mapping[str, Identity]:
    """Every identity that was registered, by the name of its method."""
    return MappingProxyType(_IDENTITIES)


def identity(method: str, words: str, tolerance: float = 0.01) -> Callable[[Measure], Measure]:
    """Register a function from a score function to the error of ``method``'s identity, as a share."""

    def enter(error: Measure) -> Measure:
        _IDENTITIES[method] = Identity(words, error, tolerance)
        return error

    return enter


def run_method(score_function: ScoreFunction, method: str, **options: Any) -> Outcome:
    """The outcome of ``method``, its values (3, H, W), or (h, w) at its layer's size."""
    entry = find_method(method)
    return entry.run(score_function, {**entry.defaults, **options})


def values_of(score_function: ScoreFunction, method: str, **options: Any) -> Tensor:
    """The values of ``run_method`` in float64."""
    return run_method(score_function, method, **options).values.double()


def largest_difference(one: Tensor, other: Tensor) -> float:
    """The largest difference between two maps as a share of the largest value of ``other``."""
    return float((one.double() - other.double()).abs().max() / other.double().abs().max().clamp(min=1e-30))


def relative_error(number: float, expected: float) -> float:
    """|number - expected| / |expected|."""
    return abs(number - expected) / max(abs(expected), 1e-30)


def sum_error(values: Tensor, expected: float) -> float:
    """How far a sum is off, as a share of the sum of the absolute values."""
    # Not of the expected sum: a layer norm takes the slope away, and both are nearly zero.
    return abs(float(values.sum()) - expected) / max(float(values.abs().sum()), 1e-30)
