"""Training: feed forward, measure the cost, take a step against the gradient, and repeat.

v ← momentum v + ∇C        w ← w - lr v        (Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.losses import find_loss
from deepdream.lecture.mlp import MLP

__all__ = ["OPTIMIZERS", "Epoch", "GradientDescent", "TrainingHistory", "TrainingSettings", "fit", "train"]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train. ``batch_size=None`` means all samples at once.

    >>> TrainingSettings(lr=0.1).optimizer
    'sgd'
    """

    loss: str = "quadratic"
    optimizer: str = "sgd"
    lr: float = 0.5
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int | None = None
    epochs: int = 300
    seed: int = 0


class Optimizer(Protocol):
    """What changes the weights after each batch; torch's optimizers are such."""

    def zero_grad(self) -> None:
        """Forget the last gradients."""

    def step(self) -> Any:
        """Move every weight."""


class GradientDescent:
    """``v ← momentum v + g``, ``w ← w - lr v``, where g is the gradient plus weight_decay · w.

    The same numbers as torch.optim.SGD, whose first use costs two seconds of imports.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> w.grad = torch.tensor([2.0])
    >>> GradientDescent([w], TrainingSettings(lr=0.25)).step()
    >>> w.item()
    0.5
    """

    def __init__(self, weights: Iterable[Tensor], settings: TrainingSettings) -> None:
        self.weights, self.settings = list(weights), settings
        self.velocity = [torch.zeros_like(w) for w in self.weights]

    def zero_grad(self) -> None:
        """Forget the last gradients."""
        for w in self.weights:
            w.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight."""
        for w, v in zip(self.weights, self.velocity, strict=True):
            if w.grad is not None:
                # Weight decay is added to the gradient, as torch.optim.SGD does it.
                v.mul_(self.settings.momentum).add_(w.grad + self.settings.weight_decay * w)
                w.sub_(self.settings.lr * v)


OPTIMIZERS: dict[str, Callable[[Iterable[Tensor], TrainingSettings], Optimizer]] = {
    "sgd": GradientDescent,
    "adam": lambda weights, settings: torch.optim.Adam(
        weights, settings.lr, weight_decay=settings.weight_decay
    ),
    "rmsprop": lambda weights, settings: torch.optim.RMSprop(
        weights, settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    ),
}


class Epoch(NamedTuple):
    """One pass over the samples, and how good the network is after it; number 0 is before training."""

    number: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True)
class TrainingHistory:
    """All epochs of a training, and copies of the weights at some: ``(epoch, state_dict)``."""

    epochs: tuple[Epoch, ...]
    snapshots: tuple[tuple[int, dict[str, Tensor]], ...] = ()

    @property
    def best(self) -> Epoch:
        """The epoch of the lowest validation loss (training loss if there is no validation)."""
        return min(self.epochs, key=lambda e: e.loss if e.val_loss is None else e.val_loss)


Samples = tuple[Any, Any]  # inputs (n, d), targets (n, outputs)


def train(
    model: MLP, X: Any, y_true: Any, settings: TrainingSettings, *, val: Samples | None = None
) -> Iterator[Epoch]:
    """Train ``model`` in place, giving an :class:`Epoch` before the first pass and after each one.

    ``X``: (n, inputs); ``y_true``: (n, outputs). To stop early, stop iterating.

    >>> model = MLP([2, 4, 1], "tanh", init="xavier")
    >>> X, y_true = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> [epoch.accuracy for epoch in train(model, X, y_true, TrainingSettings(epochs=200))][-1]
    1.0
    """
    if settings.optimizer not in OPTIMIZERS:
        raise UnknownNameError("optimizer", settings.optimizer, OPTIMIZERS)
    # Names are checked before the first step, so that a misspelled loss costs no training.
    find_loss(settings.loss)
    X, y_true = _tensors(X, y_true)
    if (X.shape[1], y_true.shape[1]) != (model.sizes[0], model.sizes[-1]):
        raise UsageError(
            f"The network {model} takes {model.sizes[0]} inputs and gives {model.sizes[-1]} outputs; "
            f"the data have {X.shape[1]} features and {y_true.shape[1]} targets."
        )
    # A generator of its own, so that the errors above are raised by the call and not by the first step.
    return _epochs(model, X, y_true, settings, None if val is None else _tensors(*val))


def _epochs(
    model: MLP, X: Tensor, y: Tensor, settings: TrainingSettings, val: Samples | None
) -> Iterator[Epoch]:
    loss, rng = find_loss(settings.loss), torch.Generator().manual_seed(settings.seed)
    optimizer = OPTIMIZERS[settings.optimizer](model.parameters(), settings)
    size = settings.batch_size or len(X)
    yield _measure(0, model, (X, y), settings, val)
    for number in range(1, settings.epochs + 1):
        # One batch of everything needs no shuffling, and keeps the same sum to the last bit.
        order = torch.randperm(len(X), generator=rng) if size < len(X) else torch.arange(len(X))
        for batch in torch.split(order, size):
            optimizer.zero_grad()
            loss(y[batch], model(X[batch])).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        yield _measure(number, model, (X, y), settings, val)


def _measure(
    number: int, model: MLP, samples: Samples, settings: TrainingSettings, val: Samples | None
) -> Epoch:
    validation = (None, None) if val is None else _score(model, val, settings)
    return Epoch(number, *_score(model, samples, settings), *validation)


def _score(model: MLP, samples: Samples, settings: TrainingSettings) -> tuple[float, float]:
    X, y = samples
    with torch.no_grad():
        cost = find_loss(settings.loss)(y, model(X))
    target = y.argmax(1) if y.shape[1] > 1 else (y[:, 0] > 0.5).long()
    return float(cost), float((model.predict(X) == target).double().mean())


def fit(
    model: MLP,
    X: Any,
    y_true: Any,
    settings: TrainingSettings,
    *,
    val: Samples | None = None,
    stop: Callable[[Epoch], bool] = lambda epoch: False,  # noqa: ARG005
    snapshot_every: int = 0,
) -> TrainingHistory:
    """Train to the end, or until ``stop(epoch)``; save the weights every ``snapshot_every`` epochs and the last.

    >>> history = fit(MLP([1, 1]), [[0.0], [1.0]], [[0.0], [1.0]], TrainingSettings(epochs=20))
    >>> history.best.number
    20
    """
    epochs: list[Epoch] = []
    snapshots: dict[int, dict[str, Tensor]] = {}
    for epoch in train(model, X, y_true, settings, val=val):
        epochs.append(epoch)
        last = stop(epoch) or epoch.number == settings.epochs
        # Copies: the parameters themselves change in place.
        if snapshot_every and (last or epoch.number % snapshot_every == 0):
            snapshots[epoch.number] = {k: v.clone() for k, v in model.state_dict().items()}
        if last:
            break
    return TrainingHistory(tuple(epochs), tuple(snapshots.items()))


def _tensors(X: Any, y: Any) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(X, dtype=torch.float64), torch.as_tensor(y, dtype=torch.float64)
