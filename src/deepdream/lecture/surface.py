"""The loss of a network over its weights: thousands of dimensions, of which a picture can show two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from deepdream.lecture.datasets import Dataset, one_hot
from deepdream.lecture.descent import Path
from deepdream.lecture.losses import find_loss
from deepdream.lecture.mlp import MLP
from deepdream.lecture.training import TrainingSettings, train

__all__ = ["Slice", "descend", "network_loss", "principal_slice"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Slice:
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

    def lift(self, places: Floats) -> Floats:
        """The points (n, d) at these places (n, 2) of the plane."""
        points: Floats = self.origin + places @ self.directions
        return points


def principal_slice(paths: Iterable[Path]) -> Slice:
    """The plane in which these paths spread most: their two principal components."""
    points = np.vstack([path.points for path in paths])
    origin = points.mean(0)
    _, lengths, directions = np.linalg.svd(points - origin, full_matrices=False)
    return Slice(origin, directions[:2], float((lengths[:2] ** 2).sum() / (lengths**2).sum()))


def descend(model: MLP, table: Dataset, settings: TrainingSettings) -> Path:
    """Train ``model``; all its weights, as one vector, before and after each epoch."""
    points, values = [], []
    for epoch in train(model, table.X, one_hot(table.y, len(table.classes)), settings):
        points.append(parameters_to_vector(model.parameters()).detach().numpy())
        values.append(epoch.loss)
    return Path(np.array(points), np.array(values))


def network_loss(model: MLP, table: Dataset, loss: str) -> Callable[[Floats], Floats]:
    """The loss at points (n, d) of weight space, as a function. It changes the weights of ``model``."""
    y: Any = torch.as_tensor(one_hot(table.y, len(table.classes)))

    @torch.no_grad()
    def heights(points: Floats) -> Floats:
        found = []
        for point in points:
            vector_to_parameters(torch.as_tensor(point), model.parameters())
            found.append(float(find_loss(loss)(y, model(table.X))))
        return np.array(found)

    return heights
