"""XOR: what one neuron cannot do, and how often a small network learns to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "XOR_INPUTS",
    "XOR_TARGETS",
    "Starts",
    "least_squares_outputs",
    "relu_outputs",
    "solve_from_many_starts",
]

Floats = NDArray[np.float64]

XOR_INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
XOR_TARGETS = np.array([0, 1, 1, 0], float)


def least_squares_outputs() -> Floats:
    """What the best line ``w·x + b`` says for the four inputs: 0.5 to each."""
    augmented = np.column_stack([XOR_INPUTS, np.ones(4)])
    outputs: Floats = augmented @ np.linalg.lstsq(augmented, XOR_TARGETS, rcond=None)[0]
    return outputs


def relu_outputs() -> Floats:
    """The exact network of Goodfellow et al. 2016 (6.1): W all 1, c = (0, -1), w = (1, -2)."""
    hidden = np.maximum(0, XOR_INPUTS @ np.ones((2, 2)) + [0, -1])
    outputs: Floats = hidden @ [1.0, -2.0]
    return outputs


@dataclass(frozen=True)
class Starts:
    """How many random starts led to a solution, and after how many sweeps through the four samples."""

    solved: int
    starts: int
    median_sweeps: float


def solve_from_many_starts(
    hidden: int = 2,
    *,
    starts: int = 100,
    lr: float = 0.5,
    momentum: float = 0.9,
    sweeps: int = 5000,
    seed: int = 0,
) -> Starts:
    """Train many 2-hidden-1 sigmoid networks at once, all samples per step, from weights in U(-1, 1).

    Quadratic cost summed over the samples. Solved: every output on the right side of 0.5.
    """
    random = np.random.default_rng(seed)
    shapes = ((starts, hidden, 3), (starts, 1, hidden + 1))  # the last weight of each neuron is its bias
    weights = [random.uniform(-1, 1, shape) for shape in shapes]
    velocity = [np.zeros(shape) for shape in shapes]
    x, solved_at = np.vstack([XOR_INPUTS.T, np.ones(4)]), np.full(starts, np.inf)
    for sweep in range(sweeps + 1):
        h = _with_ones(_sigmoid(weights[0] @ x))
        a = _sigmoid(weights[1] @ h)
        done = (np.abs(a - XOR_TARGETS) < 0.5).all((1, 2))
        solved_at[done & np.isinf(solved_at)] = sweep
        if np.isfinite(solved_at).all():
            break
        delta = (a - XOR_TARGETS) * a * (1 - a)
        delta_h = (weights[1].transpose(0, 2, 1) @ delta * h * (1 - h))[:, :-1]
        for i, gradient in enumerate((delta_h @ x.T, delta @ h.transpose(0, 2, 1))):
            velocity[i] = momentum * velocity[i] - lr * gradient
            weights[i] = weights[i] + velocity[i]
    solved = solved_at[np.isfinite(solved_at)]
    return Starts(len(solved), starts, float(np.median(solved)) if len(solved) else float("nan"))


def _with_ones(activations: Floats) -> Floats:
    return np.concatenate([activations, np.ones_like(activations[:, :1])], axis=1)


def _sigmoid(z: Floats) -> Floats:
    a: Floats = 1 / (1 + np.exp(-z))
    return a
