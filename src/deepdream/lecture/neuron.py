"""The neuron of McCulloch and Pitts (1943), its thresholds, and what a single neuron can separate."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepdream.errors import UnknownNameError, UsageError

__all__ = [
    "GATES",
    "LabelError",
    "McCullochPittsNeuron",
    "Separability",
    "ThresholdRange",
    "boolean_inputs",
    "count_separable",
    "is_linearly_separable",
    "separability",
    "signs",
    "threshold_for",
    "xor_network",
]

Floats = NDArray[np.float64]


class LabelError(UsageError, ValueError):
    """Labels that are not of exactly two classes (a ValueError too, as scikit-learn expects)."""


@dataclass(frozen=True)
class McCullochPittsNeuron:
    """Fires (1) if at least ``threshold`` excitatory inputs are on and no inhibitory one is.

    Inhibition is absolute, as in 1943: one active input of those listed in ``inhibitory`` silences it.

    >>> McCullochPittsNeuron(2)((1, 1)), McCullochPittsNeuron(0, inhibitory=(0,))((1,))
    (1, 0)
    """

    threshold: float
    inhibitory: tuple[int, ...] = ()

    def __call__(self, x: Sequence[int]) -> int:
        """The output, 0 or 1, for Boolean inputs."""
        # Absolute inhibition: one active inhibitory input outweighs any number of excitatory ones.
        if any(x[i] for i in self.inhibitory):
            return 0
        excitation = sum(value for i, value in enumerate(x) if i not in self.inhibitory)
        return int(excitation >= self.threshold)

    def truth_table(self, n: int) -> list[tuple[int, ...]]:
        """Every input of length ``n`` followed by the output."""
        if any(not 0 <= i < n for i in self.inhibitory):
            raise UsageError(f"Inhibitory inputs {self.inhibitory} must be among 0 to {n - 1}.")
        return [(*x, self(x)) for x in boolean_inputs(n)]


def boolean_inputs(n: int) -> list[tuple[int, ...]]:
    """All 2^n inputs of 0 and 1, counting up.

    >>> boolean_inputs(2)
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    return list(itertools.product((0, 1), repeat=n))


GATES: dict[str, Callable[[Sequence[int]], bool]] = {
    "and": all,
    "or": any,
    "majority": lambda x: sum(x) > len(x) / 2,
    "xor": lambda x: sum(x) % 2 == 1,
    "nand": lambda x: not all(x),
    "nor": lambda x: not any(x),
}


@dataclass(frozen=True)
class ThresholdRange:
    """Thresholds that work: ``low < theta <= high``; ``canonical`` is the whole number among them."""

    low: float
    high: float
    canonical: int


def threshold_for(gate: str, n: int) -> ThresholdRange | None:
    """The thresholds with which ``n`` excitatory inputs compute ``gate``; None if there are none.

    The neuron only counts its active inputs. So the smallest count that must fire it has to be larger than the
    largest count that must not.

    >>> threshold_for("and", 3)
    ThresholdRange(low=2, high=3, canonical=3)
    >>> threshold_for("xor", 2) is None
    True
    """
    if gate not in GATES:
        raise UnknownNameError("gate", gate, GATES)
    fires = [sum(x) for x in boolean_inputs(n) if GATES[gate](x)]
    silent = [sum(x) for x in boolean_inputs(n) if not GATES[gate](x)]
    low, high = max(silent), min(fires)
    return ThresholdRange(low, high, high) if low < high else None


def xor_network(x: Sequence[int]) -> int:
    """XOR by a network of three neurons: ``h1 = OR``, ``h2 = AND``, fires if ``h1 - h2 >= 1``.

    >>> [xor_network(x) for x in boolean_inputs(2)]
    [0, 1, 1, 0]
    """
    either, both = McCullochPittsNeuron(1)(x), McCullochPittsNeuron(2)(x)
    return McCullochPittsNeuron(1, inhibitory=(1,))((either, both))


@dataclass(frozen=True)
class Separability:
    """The answer of :func:`separability`, with its proof.

    Either ``weights`` and ``bias`` of a separating line, or a ``common_point`` of both classes' convex
    hulls, which no line can have on both of its sides.
    """

    separable: bool
    weights: Floats | None
    bias: float | None
    common_point: Floats | None


def signs(y: ArrayLike) -> Floats:
    """Two-class labels as -1 and +1: 0/1, -1/1 or any two values (the larger is +1). Shape (n,).

    >>> signs(["cat", "dog", "cat"]).tolist()
    [-1.0, 1.0, -1.0]
    """
    labels = np.asarray(y)
    classes = np.unique(labels)
    if len(classes) != 2:
        from sklearn.utils.multiclass import type_of_target  # half a second that most lessons do not need

        raise LabelError(
            f"Only binary classification is supported: a line has two sides, and there are {len(classes)} "
            f"classes ({type_of_target(labels)} target)."
        )
    return np.where(labels == classes[1], 1.0, -1.0)


def is_linearly_separable(X: ArrayLike, y: ArrayLike) -> bool:
    """Whether a line (plane, hyperplane) has one class on each side.

    >>> is_linearly_separable([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])  # XOR
    False
    """
    return separability(X, y).separable


def separability(X: ArrayLike, y: ArrayLike) -> Separability:
    """Search a line ``w·x + b`` with ``y (w·x + b) >= 1`` by linear programming. ``X``: (n, d), ``y``: (n,).

    One of the two linear programs has a solution, never both (Farkas' lemma).

    >>> separability([[0], [1]], [0, 1]).separable
    True
    >>> separability([[0], [1], [2]], [0, 1, 0]).common_point.tolist()
    [1.0]
    """
    from scipy.optimize import linprog  # half a second that most lessons do not need

    points, s = np.asarray(X, float), signs(y)
    n, d = points.shape
    # A column of ones makes the bias one more weight.
    augmented = np.column_stack([points, np.ones(n)])
    line = linprog(np.zeros(d + 1), A_ub=-s[:, None] * augmented, b_ub=-np.ones(n), bounds=(None, None))
    if line.status == 0:
        return Separability(True, line.x[:d], float(line.x[d]), None)
    # Mixtures of each class (weights >= 0 that add to 1) that meet in one point:
    meet = np.vstack([(s[:, None] * points).T, s > 0, s < 0])
    mixture = linprog(np.zeros(n), A_eq=meet, b_eq=[*np.zeros(d), 1, 1])
    return Separability(False, None, None, mixture.x[s > 0] @ points[s > 0])


def count_separable(n: int) -> tuple[int, int]:
    """How many of the Boolean functions of ``n`` inputs one neuron can compute, and how many there are.

    >>> count_separable(2)
    (14, 16)
    """
    X = np.array(boolean_inputs(n))
    tables = itertools.product((0, 1), repeat=2**n)
    # A constant function needs no line: any threshold out of reach computes it.
    separable = sum(len(set(y)) == 1 or is_linearly_separable(X, y) for y in tables)
    return separable, 2 ** (2**n)
