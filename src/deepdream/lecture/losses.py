"""Losses: how wrong a prediction is. Arrays or tensors (samples, outputs) in, a float64 tensor out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from deepdream.errors import UnknownNameError

__all__ = [
    "LOSSES",
    "Loss",
    "binary_cross_entropy",
    "cross_entropy",
    "find_loss",
    "l1",
    "quadratic_cost",
    "squared_error",
]

Reduction = Literal["none", "sum", "mean"]
# Far below any probability a network gives, so that the guard changes no value that occurs in practice.
_TINY = 1e-300  # log(0) becomes -690, not -infinity


def l1(y_true: Any, y_pred: Any, reduction: Reduction = "mean") -> Tensor:
    """``|y_true - y_pred|``; "mean" averages over samples and outputs, as torch's ``l1_loss`` does.

    >>> l1([[1.0], [0.0]], [[0.5], [0.5]]).item()
    0.5
    """
    return _reduce((_tensor(y_true) - _tensor(y_pred)).abs(), reduction)


def squared_error(y_true: Any, y_pred: Any, reduction: Reduction = "mean") -> Tensor:
    """``(y_true - y_pred)²``; "mean" averages over samples and outputs, as torch's ``mse_loss`` does.

    >>> squared_error([[1.0], [0.0]], [[0.5], [0.5]]).item()
    0.25
    """
    return _reduce((_tensor(y_true) - _tensor(y_pred)) ** 2, reduction)


def quadratic_cost(y_true: Any, y_pred: Any, reduction: Reduction = "mean") -> Tensor:
    """``½ ‖y_true - a‖²`` per sample: summed over outputs, then averaged over samples.

    So it is ½ · (number of outputs) · the mean squared error (Nielsen 2015, ch. 1).

    >>> quadratic_cost([[1.0, 0.0]], [[0.5, 0.5]]).item()
    0.25
    """
    # Summed over outputs, as Nielsen writes it; torch's mse_loss would average over them as well.
    return _reduce(0.5 * ((_tensor(y_true) - _tensor(y_pred)) ** 2).sum(-1), reduction)


def cross_entropy(y_true: Any, y_pred: Any, reduction: Reduction = "mean") -> Tensor:
    """``-Σ y ln a`` per sample for probabilities that add to 1; for one output, also ``-(1-y) ln(1-a)``.

    >>> round(cross_entropy([[0.0, 1.0]], [[0.5, 0.5]]).item(), 4)  # ln 2
    0.6931
    """
    y, a = _tensor(y_true), _tensor(y_pred)
    # A single output is the probability of one of two classes; -y ln a alone would ignore class 0.
    if a.shape[-1] == 1:
        return binary_cross_entropy(y, a, reduction)
    return _reduce(-(y * a.clamp_min(_TINY).log()).sum(-1), reduction)


def binary_cross_entropy(y_true: Any, y_pred: Any, reduction: Reduction = "mean") -> Tensor:
    """``-Σ y ln a + (1-y) ln(1-a)`` per sample: each output is a separate yes or no (Nielsen 2015, ch. 3).

    >>> round(binary_cross_entropy([[1.0, 0.0]], [[0.5, 0.5]]).item(), 4)  # 2 ln 2
    1.3863
    """
    y, a = _tensor(y_true), _tensor(y_pred)
    cost = y * a.clamp_min(_TINY).log() + (1 - y) * (1 - a).clamp_min(_TINY).log()
    return _reduce(-cost.sum(-1), reduction)


@dataclass(frozen=True)
class Loss:
    """A loss to train with: its value, and the slope ``dC/da`` where backpropagation starts (BP1).

    >>> quadratic = find_loss("quadratic")
    >>> quadratic.slope(torch.tensor([1.0]), torch.tensor([0.75])).item()  # a - y
    -0.25
    """

    name: str
    formula: str
    value: Callable[..., Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss, averaged over samples."""
        return self.value(y_true, y_pred)


# The slope dC/da of both cross-entropies, with the same guard against division by zero as their values.
def _binary_slope(y: Tensor, a: Tensor) -> Tensor:
    return (1 - y) / (1 - a).clamp_min(_TINY) - y / a.clamp_min(_TINY)


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("quadratic", "½ ‖y - a‖²", quadratic_cost, lambda y, a: a - y),
        # One output holds the probability of class 1 only, so the other class needs its own term.
        Loss(
            "cross-entropy",
            "-Σ y ln a",
            cross_entropy,
            lambda y, a: _binary_slope(y, a) if a.shape[-1] == 1 else -y / a.clamp_min(_TINY),
        ),
        Loss("binary-cross-entropy", "-Σ y ln a + (1-y) ln(1-a)", binary_cross_entropy, _binary_slope),
        Loss("l1", "mean |y - a|", l1, lambda y, a: (a - y).sign() / a.shape[-1]),
        Loss("squared-error", "mean (y - a)²", squared_error, lambda y, a: 2 * (a - y) / a.shape[-1]),
    )
}


def find_loss(name: str) -> Loss:
    """The loss called ``name``. Raises UnknownNameError.

    >>> find_loss("quadratic").formula
    '½ ‖y - a‖²'
    """
    if name not in LOSSES:
        raise UnknownNameError("loss", name, LOSSES, listing="deepdream lecture losses")
    return LOSSES[name]


def _tensor(value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _reduce(values: Tensor, reduction: Reduction) -> Tensor:
    # torch's own words for the three reductions.
    return {"none": values, "sum": values.sum(), "mean": values.mean()}[reduction]
