"""The loss of a network over its weights: thousands of dimensions, of which a plot can show two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from deepdream.lecture.datasets import Dataset, one_hot
from deepdream.lecture.descent import DescentPath
from deepdream.lecture.losses import find_loss
from deepdream.lecture.mlp import MLP
from deepdream.lecture.training import TrainingSettings, train

__all__ = ["WeightSlice", "descend", "network_loss", "principal_slice"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WeightSlice:
    """A plane through weight space: ``origin`` (d,) and two ``directions`` (2, d) of length 1.

    ``share``: how much of the paths' spread lies in this plane; the rest cannot be seen.
    """

    origin: Floats
    directions: Floats
    share: float

    def flatten(self, points: Floats) -> Floats:
        """Where points (n, d) lie in the plane, (n, 2): their shadow."""
        shadow: Floats = (points - self.origin) @ self.directions.T
        return shadow

    def lift(self, positions: Floats) -> Floats:
        """The points (n, d) at these positions (n, 2) of the plane."""
        points: Floats = self.origin + positions @ self.directions
        return points


def principal_slice(paths: Iterable[DescentPath]) -> WeightSlice:
    """The plane in which these paths spread most: their two principal components.

    >>> from deepdream.lecture.descent import gradient_descent
    >>> path = gradient_descent(lambda x: x[0] ** 2 + 2 * x[1] ** 2, [1.0, 1.0], lr=0.1, steps=9)
    >>> round(principal_slice([path]).share, 6)
    1.0
    """
    points = np.vstack([path.points for path in paths])
    origin = points.mean(0)
    # SVD of the points and not of their covariance, which would have a row for every weight.
    _, lengths, directions = np.linalg.svd(points - origin, full_matrices=False)
    return WeightSlice(origin, directions[:2], float((lengths[:2] ** 2).sum() / (lengths**2).sum()))


def descend(model: MLP, dataset: Dataset, settings: TrainingSettings) -> DescentPath:
    """Train ``model``; all its weights, as one vector, before and after each epoch.

    >>> from deepdream.lecture.datasets import toy
    >>> descend(MLP([2, 2, 1]), toy("xor"), TrainingSettings(epochs=3)).points.shape
    (4, 9)
    """
    points, values = [], []
    for epoch in train(model, dataset.X, one_hot(dataset.y, len(dataset.classes)), settings):
        points.append(parameters_to_vector(model.parameters()).detach().numpy())
        values.append(epoch.loss)
    return DescentPath(np.array(points), np.array(values))


def network_loss(model: MLP, dataset: Dataset, loss: str) -> Callable[[Floats], Floats]:
    """The loss at points (n, d) of weight space, as a function. It changes the weights of ``model``.

    >>> from deepdream.lecture.datasets import toy
    >>> network_loss(MLP([2, 1]), toy("xor"), "quadratic")(np.zeros((1, 3))).tolist()  # outputs of 0.5
    [0.125]
    """
    y: Any = torch.as_tensor(one_hot(dataset.y, len(dataset.classes)))

    # Thousands of evaluations for one plot, and none of them needs a gradient.
    @torch.no_grad()
    def heights(points: Floats) -> Floats:
        losses = []
        for point in points:
            vector_to_parameters(torch.as_tensor(point), model.parameters())
            losses.append(float(find_loss(loss)(y, model(dataset.X))))
        return np.array(losses)

    return heights
