"""XOR: what one neuron cannot do, and how often a small network learns to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepdream.errors import UnknownNameError

__all__ = [
    "XOR_INPUTS",
    "XOR_TARGETS",
    "XorSettings",
    "XorStarts",
    "least_squares_outputs",
    "relu_outputs",
    "solve_from_many_starts",
]

Floats = NDArray[np.float64]

XOR_INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
XOR_TARGETS = np.array([0, 1, 1, 0], float)


def least_squares_outputs() -> Floats:
    """The outputs of the best line ``w·x + b`` for the four inputs: 0.5 for each.

    >>> least_squares_outputs().round(6).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    augmented = np.column_stack([XOR_INPUTS, np.ones(4)])
    outputs: Floats = augmented @ np.linalg.lstsq(augmented, XOR_TARGETS, rcond=None)[0]
    return outputs


def relu_outputs() -> Floats:
    """The exact network of Goodfellow et al. 2016 (6.1): W all 1, c = (0, -1), w = (1, -2).

    >>> relu_outputs().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    hidden = np.maximum(0, XOR_INPUTS @ np.ones((2, 2)) + [0, -1])
    outputs: Floats = hidden @ [1.0, -2.0]
    return outputs


@dataclass(frozen=True)
class XorStarts:
    """How many random starts led to a solution, and after how many sweeps (None if none did)."""

    solved: int
    starts: int
    median_sweeps: float | None


@dataclass(frozen=True)
class HiddenActivation:
    """The activation of hidden neurons: ``a = f(z)``, and ``da/dz`` computed from ``a``."""

    f: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]


def _sigmoid(z: Floats) -> Floats:
    a: Floats = (1 + np.tanh(z / 2)) / 2  # the same as 1 / (1 + exp(-z)), and exp does not overflow
    return a


HIDDEN = {
    "sigmoid": HiddenActivation(_sigmoid, lambda a: a * (1 - a)),
    "tanh": HiddenActivation(np.tanh, lambda a: 1 - a**2),
    "relu": HiddenActivation(lambda z: np.maximum(0, z), lambda a: (a > 0).astype(float)),
}
STARTS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]] = {
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "normal": lambda rng, shape: rng.normal(size=shape),
}


@dataclass(frozen=True)
class XorSettings:
    """A 2-``hidden``-1 network with a sigmoid at its end, and how it is trained on XOR."""

    hidden: int = 2
    activation: str = "sigmoid"
    loss: str = "quadratic"
    init: str = "uniform"
    lr: float = 0.5
    momentum: float = 0.9
    sweeps: int = 5000

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("activation", self.activation, HIDDEN),
            ("loss", self.loss, ("quadratic", "cross-entropy")),
            ("initialization", self.init, STARTS),
        ):
            if name not in known:
                raise UnknownNameError(kind, name, known)


@np.errstate(over="ignore", invalid="ignore")  # a rate too high leads to infinity: not solved
def solve_from_many_starts(
    how: XorSettings = XorSettings(), *, starts: int = 100, seed: int = 0
) -> XorStarts:
    """Train many networks at once, all four samples per step; the cost is summed over the samples.

    Solved: every output on the right side of 0.5. Start number i has the seed ``seed + i``.

    >>> solve_from_many_starts(XorSettings(hidden=4), starts=10).solved
    10
    """
    first_weights = [_start(how, seed + i) for i in range(starts)]
    weights = [np.stack(layer) for layer in zip(*first_weights, strict=True)]
    # All starts are trained at once: arrays with a first axis of starts, so 100 cost hardly more than one.
    velocity = [np.zeros_like(layer) for layer in weights]
    solved_at = np.full(starts, np.inf)
    for sweep in range(how.sweeps + 1):
        # The outputs (starts, 1, 4) and the cost's slopes in both layers, by backpropagation.
        f, x = HIDDEN[how.activation], np.vstack([XOR_INPUTS.T, np.ones(4)])  # the 1 carries the bias
        h = f.f(weights[0] @ x)
        h = np.concatenate([h, np.ones_like(h[:, :1])], axis=1)
        # The last row of h is the constant 1 that carries the bias of the output.
        a = _sigmoid(weights[1] @ h)
        delta = a - XOR_TARGETS
        if how.loss == "quadratic":
            delta = delta * a * (1 - a)  # cross-entropy cancels the sigmoid's slope
        delta_h = (weights[1].transpose(0, 2, 1) @ delta * f.slope(h))[:, :-1]
        outputs, gradients = a, (delta_h @ x.T, delta @ h.transpose(0, 2, 1))
        correct = (np.abs(outputs - XOR_TARGETS) < 0.5).all((1, 2))
        # The first time counts; a start may leave the solution again.
        solved_at[correct & np.isinf(solved_at)] = sweep
        if np.isfinite(solved_at).all():
            break
        velocity = [how.momentum * v - how.lr * g for v, g in zip(velocity, gradients, strict=True)]
        weights = [w + v for w, v in zip(weights, velocity, strict=True)]
    solved = solved_at[np.isfinite(solved_at)]
    return XorStarts(len(solved), starts, float(np.median(solved)) if len(solved) else None)


def _start(how: XorSettings, seed: int) -> tuple[Floats, Floats]:
    """Weights of both layers, (hidden, 3) and (1, hidden + 1): a neuron's last weight is its bias."""
    rng, n = np.random.default_rng(seed), how.hidden
    # Both weights, then both biases: another order would give other starts, and other counts.
    w1, w2, b1, b2 = (STARTS[how.init](rng, shape) for shape in ((2, n), (n, 1), (n,), (1,)))
    return np.column_stack([w1.T, b1]), np.column_stack([w2.T, b2])
