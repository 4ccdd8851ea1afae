"""The playground: a small network learns, and every state on its way is kept to be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from deepdream.errors import UsageError
from deepdream.lecture.datasets import Dataset, one_hot
from deepdream.lecture.mlp import MLP
from deepdream.lecture.training import History, TrainingSettings, fit

__all__ = ["Play", "braille_picture", "learn"]


@dataclass(frozen=True)
class Play:
    """A training to look at: the samples, the trained network, and its states on the way."""

    table: Dataset
    model: MLP
    history: History

    def states(self) -> Iterator[tuple[int, MLP]]:
        """Each kept epoch and the network as it was then; one network, whose weights change."""
        for epoch, weights in self.history.snapshots:
            self.model.load_state_dict(weights)
            yield epoch, self.model


def learn(
    table: Dataset,
    hidden: Sequence[int],
    settings: TrainingSettings,
    *,
    activation: str = "tanh",
    frames: int = 24,
) -> Play:
    """Train a network with these hidden layers on two-class samples in the plane, keeping ``frames`` states.

    Raises UsageError unless the table has two columns and two classes.
    """
    if table.X.shape[1] != 2 or len(table.classes) != 2:
        raise UsageError(
            f"The playground needs two columns of numbers and two classes; {table.about} has "
            f"{table.X.shape[1]} and {len(table.classes)}."
        )
    table = table.standardized()
    model = MLP([2, *hidden, 1], activation, init="xavier", seed=settings.seed)
    every = max(1, settings.epochs // frames)
    return Play(table, model, fit(model, table.X, one_hot(table.y, 2), settings, snapshot_every=every))


# The eight dots of a braille character, as (row, column) -> bit (Unicode block U+2800).
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille_picture(model: MLP, table: Dataset, *, columns: int = 48, rows: int = 18) -> list[str]:
    """The plane in text: dots where the network says class 1; samples as o (class 0) and x (class 1)."""
    low, high = table.X.min(0) - 0.3, table.X.max(0) + 0.3
    across, down = (np.linspace(low[0], high[0], 2 * columns), np.linspace(high[1], low[1], 4 * rows))
    inputs = torch.tensor(np.stack(np.meshgrid(across, down), -1).reshape(-1, 2))
    dots = model.predict(inputs).numpy().reshape(rows, 4, columns, 2)
    codes = 0x2800 + (dots * _DOTS[None, :, None, :]).sum((1, 3))
    picture = [[chr(code) for code in line] for line in codes]
    for (column, row), label in zip(_cells(table.X, low, high, (columns, rows)), table.y, strict=True):
        picture[row][column] = "ox"[label]
    return ["".join(line) for line in picture]


def _cells(
    X: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], size: tuple[int, int]
) -> list[tuple[int, int]]:
    share = (X - low) / (high - low)
    return [(int(x * (size[0] - 1) + 0.5), int((1 - y) * (size[1] - 1) + 0.5)) for x, y in share]
