"""Activation functions with their derivatives.

``z`` is the weighted sum that enters, ``a = f(z)`` the activation that leaves; both are float64 tensors
(samples, neurons).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from deepdream.errors import UnknownNameError

__all__ = ["ACTIVATIONS", "Activation", "find_activation"]


@dataclass(frozen=True)
class Activation:
    """A function, its formula, and its derivative with respect to ``z``.

    >>> find_activation("relu")(torch.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    name: str
    formula: str
    value: Callable[[Tensor], Tensor]
    prime: Callable[[Tensor], Tensor]

    def __call__(self, z: Tensor) -> Tensor:
        """``a = f(z)``, same shape."""
        return self.value(z)

    def pull_back(self, z: Tensor, slope: Tensor) -> Tensor:
        """``dC/dz`` from ``slope = dC/da``: the chain rule, neuron by neuron."""
        return slope * self.prime(z)


class _Softmax(Activation):
    def pull_back(self, z: Tensor, slope: Tensor) -> Tensor:
        # Every output depends on every z: da_j/dz_k = a_j (1[j=k] - a_k).
        # Written out, this is the product of the Jacobian with the slope, without building the matrix.
        a = self.value(z)
        return a * (slope - (slope * a).sum(-1, keepdim=True))


def _softmax(z: Tensor) -> Tensor:
    return torch.softmax(z, -1)


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        # The step fires at the threshold itself, as the neuron of 1943 does. Its derivative is 0: it cannot learn.
        Activation("step", "1 if z ≥ 0 else 0", lambda z: (z >= 0).to(z.dtype), torch.zeros_like),
        # σ(z) σ(-z) equals a (1 - a), and loses no digits for large z.
        Activation(
            "sigmoid", "1 / (1 + exp(-z))", torch.sigmoid, lambda z: torch.sigmoid(z) * torch.sigmoid(-z)
        ),
        Activation("tanh", "tanh(z)", torch.tanh, lambda z: 1 - torch.tanh(z) ** 2),
        # At exactly 0 the ReLU has no derivative; 0 is the usual choice, and torch's.
        Activation("relu", "max(0, z)", torch.relu, lambda z: (z > 0).to(z.dtype)),
        Activation("identity", "z", lambda z: z, torch.ones_like),
        _Softmax("softmax", "exp(z_j) / Σ exp(z_k)", _softmax, lambda z: _softmax(z) * (1 - _softmax(z))),
    )
}


def find_activation(name: str) -> Activation:
    """The activation called ``name``. Raises UnknownNameError.

    >>> find_activation("sigmoid")(torch.zeros(1)).item()
    0.5
    """
    if name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS, listing="deepdream lecture activations")
    return ACTIVATIONS[name]
