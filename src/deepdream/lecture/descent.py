"""Gradient descent, and the same function climbing: the bridge from training to DeepDream.

Training moves the *weights* down a loss. DeepDream moves the *input* up an activation. One function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from deepdream.errors import UsageError
from deepdream.lecture.csv_columns import load_columns
from deepdream.lecture.datasets import one_hot, toy
from deepdream.lecture.losses import cross_entropy
from deepdream.lecture.mlp import MLP

__all__ = [
    "Climb",
    "DescentPath",
    "climb_example",
    "critical_rate",
    "gradient_descent",
    "hessian",
    "line_loss",
    "line_samples",
    "load_line",
    "neuron_activation",
]

Objective = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class DescentPath:
    """The way of a descent: ``points`` (steps + 1, d) and the function's ``values`` (steps + 1,) there."""

    points: NDArray[np.float64]
    values: NDArray[np.float64]


def gradient_descent(
    f: Objective, x0: Any, lr: float, steps: int, maximize: bool = False, momentum: float = 0.0
) -> DescentPath:
    """Step against the gradient of ``f``, or along it with ``maximize``: v ← momentum v ∓ lr ∇f, x ← x + v.

    >>> gradient_descent(lambda x: x[0] ** 2, [1.0], lr=0.25, steps=2).points[:, 0].tolist()
    [1.0, 0.5, 0.25]
    """
    sign = 1.0 if maximize else -1.0
    x = torch.as_tensor(x0, dtype=torch.float64).clone().requires_grad_()
    velocity, points, values = torch.zeros_like(x), [], []
    # One more value than steps, so that the path includes both its start and its end.
    for _ in range(steps + 1):
        value = f(x)
        (gradient,) = torch.autograd.grad(value, x)
        points.append(x.detach().numpy().copy())
        values.append(value.item())
        # Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0; with momentum 0 plain gradient descent.
        velocity = momentum * velocity + sign * lr * gradient
        x = (x.detach() + velocity).requires_grad_()
    return DescentPath(np.array(points), np.array(values))


def line_samples(n: int = 20, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points near the line y = 1.5 x + 0.5, with noise. Two arrays (n,).

    >>> [len(values) for values in line_samples(5)]
    [5, 5]
    """
    generator = np.random.default_rng(seed)
    x = generator.uniform(-1, 1, n)
    return x, 1.5 * x + 0.5 + 0.2 * generator.normal(size=n)


def line_loss(x: Any, y_true: Any) -> Objective:
    """The mean squared error of the line through ``(slope, intercept)``: a paraboloid over these two.

    >>> line_loss([0, 1], [0, 2])(torch.tensor([2.0, 0.0])).item()
    0.0
    """
    x, y = torch.as_tensor(x, dtype=torch.float64), torch.as_tensor(y_true, dtype=torch.float64)
    if len(x) < 2 or len(x) != len(y):
        raise UsageError(
            f"A line needs at least two points with both coordinates, not {len(x)} and {len(y)}."
        )
    return lambda line: ((line[..., 0:1] * x + line[..., 1:2] - y) ** 2).mean(-1).squeeze()


def hessian(f: Objective, at: Any) -> NDArray[np.float64]:
    """Second derivatives of ``f``, (d, d).

    >>> hessian(lambda x: x[0] ** 2, [1.0]).tolist()
    [[2.0]]
    """
    point = torch.as_tensor(at, dtype=torch.float64)
    matrix: Tensor = torch.autograd.functional.hessian(f, point)  # type: ignore[no-untyped-call]
    return matrix.numpy()


def critical_rate(f: Objective, at: Any) -> float:
    """The learning rate ``2 / lambda_max`` beyond which descent on a bowl diverges.

    >>> critical_rate(lambda x: x[0] ** 2, [1.0])
    1.0
    """
    return 2.0 / float(np.linalg.eigvalsh(hessian(f, at)).max())


def neuron_activation(model: MLP, layer: int, unit: int) -> Objective:
    """The sum ``z`` of one neuron as a function of the *input*: the function to climb to see what it responds to.

    >>> model = MLP([2, 3, 1])
    >>> neuron_activation(model, 1, 0)(torch.zeros(2).double()) == model.trace([[0.0, 0.0]])[1].z[0, 0]
    tensor(True)
    """
    return lambda x: model.trace(x[None])[layer].z[0, unit]


def load_line(path: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first two columns of numbers in a CSV file, as x and y. Raises UsageError.

    >>> import pathlib
    >>> _ = pathlib.Path("line.csv").write_text("x,y\\n0,1\\n1,3\\n")
    >>> load_line("line.csv")[1].tolist()
    [1.0, 3.0]
    """
    columns = load_columns(path)
    if len(columns) < 2:
        raise UsageError(f"{path} needs two columns of numbers, x and y; it has {len(columns)}.")
    x, y = list(columns.values())[:2]
    return x, y


@dataclass(frozen=True)
class Climb:
    """The bridge: the ``training`` of a network, and then the ``path`` of its input up one neuron.

    ``heights`` gives that neuron's sum at inputs (n, 2).
    """

    training: DescentPath
    path: DescentPath
    heights: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def climb_example(seed: int = 0) -> Climb:
    """Down: the weights of a network learn a circle. Up: its input moves so that the output's sum grows.

    >>> z = climb_example().path.values
    >>> bool(z[-1] > z[0])
    True
    """
    table = toy("circle", seed=seed)
    model = MLP([2, 4, 1], "tanh", init="xavier", seed=seed)
    X, y = torch.as_tensor(table.X), torch.as_tensor(one_hot(table.y, 2))

    def loss(weights: Tensor) -> Tensor:
        pieces = torch.split(weights, [parameter.numel() for parameter in model.parameters()])
        named = {
            name: piece.view_as(parameter)
            for piece, (name, parameter) in zip(pieces, model.named_parameters(), strict=True)
        }
        return cross_entropy(y, torch.func.functional_call(model, named, (X,)))

    # All weights as one vector, because gradient_descent moves a point and knows no network.
    start = parameters_to_vector(model.parameters()).detach()
    training = gradient_descent(loss, start, lr=0.5, steps=120, momentum=0.9)
    vector_to_parameters(torch.as_tensor(training.points[-1]), model.parameters())
    # The sum z and not the activation a: where the sigmoid is flat, z still has a gradient to climb.
    path = gradient_descent(neuron_activation(model, 1, 0), [0.6, -0.4], 0.01, 40, maximize=True)
    return Climb(training, path, lambda inputs: model.trace(inputs)[1].z[:, 0].detach().numpy())
