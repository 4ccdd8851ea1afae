"""The playground: a small network learns, and its states during training are saved to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from deepdream.errors import UsageError
from deepdream.lecture.datasets import Dataset, one_hot
from deepdream.lecture.mlp import MLP
from deepdream.lecture.training import TrainingHistory, TrainingSettings, fit

__all__ = ["Play", "braille_picture", "train_playground"]


@dataclass(frozen=True)
class Play:
    """A training to show: the samples, the trained network, and its states during the training."""

    dataset: Dataset
    model: MLP
    history: TrainingHistory

    def states(self) -> Iterator[tuple[int, MLP]]:
        """Each saved epoch and the network as it was then; it is one network, whose weights change."""
        for epoch, weights in self.history.snapshots:
            self.model.load_state_dict(weights)
            yield epoch, self.model


def train_playground(
    dataset: Dataset,
    hidden: Sequence[int],
    settings: TrainingSettings,
    *,
    activation: str = "tanh",
    frames: int = 24,
) -> Play:
    """Train a network with these hidden layers on two-class samples in the plane, and save ``frames`` states.

    Raises UsageError unless the dataset has two columns and two classes.

    >>> from deepdream.lecture.datasets import toy
    >>> play = train_playground(toy("gauss"), [2], TrainingSettings(epochs=20), frames=4)
    >>> [epoch for epoch, _ in play.states()]
    [0, 5, 10, 15, 20]
    """
    if dataset.X.shape[1] != 2 or len(dataset.classes) != 2:
        raise UsageError(
            f"The playground needs two columns of numbers and two classes; {dataset.about} has "
            f"{dataset.X.shape[1]} and {len(dataset.classes)}."
        )
    dataset = dataset.standardized()
    model = MLP([2, *hidden, 1], activation, init="xavier", seed=settings.seed)
    # Saved at equal distances; the last state is always among them.
    every = max(1, settings.epochs // frames)
    return Play(dataset, model, fit(model, dataset.X, one_hot(dataset.y, 2), settings, snapshot_every=every))


# The eight dots of a braille character, as (row, column) -> bit (Unicode block U+2800).
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille_picture(model: MLP, dataset: Dataset, *, columns: int = 48, rows: int = 18) -> list[str]:
    """The plane in text: dots where the network gives class 1; samples as o (class 0) and x (class 1).

    >>> from deepdream.lecture.datasets import toy
    >>> len(braille_picture(MLP([2, 1]), toy("gauss"), columns=20, rows=5))
    5
    """
    low, high = dataset.X.min(0) - 0.3, dataset.X.max(0) + 0.3
    across, down = (np.linspace(low[0], high[0], 2 * columns), np.linspace(high[1], low[1], 4 * rows))
    inputs = torch.tensor(np.stack(np.meshgrid(across, down), -1).reshape(-1, 2))
    # A braille character has 2 x 4 dots, so one letter shows eight points of the plane.
    dots = model.predict(inputs).numpy().reshape(rows, 4, columns, 2)
    codes = 0x2800 + (dots * _DOTS[None, :, None, :]).sum((1, 3))
    picture = [[chr(code) for code in line] for line in codes]
    for share, label in zip((dataset.X - low) / (high - low), dataset.y, strict=True):
        column, row = int(share[0] * (columns - 1) + 0.5), int((1 - share[1]) * (rows - 1) + 0.5)
        picture[row][column] = "ox"[label]
    return ["".join(line) for line in picture]
