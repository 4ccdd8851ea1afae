"""The two exercises of the deck: how many parameters, how many hyperparameters?"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CNNS",
    "Hyperparameter",
    "LayerCount",
    "ParameterCount",
    "count_parameters",
    "hyperparameter_table",
    "optimizer_arguments",
]


@dataclass(frozen=True)
class LayerCount:
    """Weights and biases of one layer, and the formula that counts them."""

    name: str
    weights: int
    biases: int
    formula: str

    @property
    def total(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases


@dataclass(frozen=True)
class ParameterCount:
    """Layer by layer. ``trainable`` counts those that training changes."""

    layers: tuple[LayerCount, ...]
    trainable: int

    @property
    def total(self) -> int:
        """All parameters, each counted once however often it is used."""
        return sum(layer.total for layer in self.layers)


def _convolution(name: str, n_in: int, n_out: int, size: int) -> LayerCount:
    formula = f"{n_out} x ({n_in} x {size} x {size}) + {n_out}"
    return LayerCount(name, n_out * n_in * size * size, n_out, formula)


def _dense(name: str, n_in: int, n_out: int) -> LayerCount:
    return LayerCount(name, n_in * n_out, n_out, f"{n_in} x {n_out} + {n_out}")


# LeNet-5 (LeCun et al. 1998), with every map of C3 connected to every map of S2 and a plain last layer.
CNNS: dict[str, tuple[LayerCount, ...]] = {
    "lenet5": (
        _convolution("C1", 1, 6, 5),
        _convolution("C3", 6, 16, 5),
        _convolution("C5", 16, 120, 5),
        _dense("F6", 120, 84),
        _dense("output", 84, 10),
    )
}


def count_parameters(network: Sequence[int] | str | nn.Module) -> ParameterCount:
    """Parameters of a fully connected network by its sizes, of a named CNN, or of any torch module.

    >>> count_parameters([3, 4, 1]).total
    21
    """
    if isinstance(network, str):
        if network not in CNNS:
            raise UnknownNameError("CNN", network, CNNS)
        layers = CNNS[network]
    elif not isinstance(network, Sequence):
        rows: dict[str, LayerCount] = {}
        parameters = dict(network.named_parameters())  # a tensor that two layers share is counted once
        for name, parameter in parameters.items():
            owner, _, kind = name.rpartition(".")
            before = rows.get(owner, LayerCount(owner, 0, 0, ""))
            bias = parameter.numel() if kind == "bias" else 0
            shape = " x ".join(map(str, parameter.shape)) or "1"
            # Layers of a foreign module have no common formula, so the shapes stand for it.
            formula = f"{before.formula} + {shape}" if before.formula else shape
            rows[owner] = LayerCount(
                owner, before.weights + parameter.numel() - bias, before.biases + bias, formula
            )
        trainable = sum(p.numel() for p in parameters.values() if p.requires_grad)
        return ParameterCount(tuple(rows.values()), trainable)
    else:
        sizes = cast("Sequence[int]", network)
        if len(sizes) < 2 or min(sizes) < 1:
            raise UsageError("A network needs at least two layers of at least one neuron, as in 3 4 1.")
        layers = tuple(_dense(f"layer {i + 1}", *pair) for i, pair in enumerate(itertools.pairwise(sizes)))
    return ParameterCount(layers, sum(layer.total for layer in layers))


@dataclass(frozen=True)
class Hyperparameter:
    """One row: how many choices of this kind. ``role`` is architecture, training, or fixed by the data."""

    role: str
    name: str
    count: int
    note: str


def hyperparameter_table(
    sizes: Sequence[int], optimizer: str = "Adam", *, connectivity: str = "full"
) -> list[Hyperparameter]:
    """What has to be chosen before training a network of these ``sizes`` with torch's ``optimizer``.

    ``connectivity``: "full" leaves no choice, "free" has one yes or no per possible connection.

    >>> sum(row.count for row in hyperparameter_table([3, 4, 3, 1], "SGD"))
    19
    """
    if connectivity not in ("full", "free"):
        raise UnknownNameError("connectivity", connectivity, ("full", "free"))
    # Input and output sizes are not chosen: the data fix them.
    hidden, edges = list(sizes[1:-1]), sum(a * b for a, b in itertools.pairwise(sizes))
    arguments = optimizer_arguments(optimizer)
    free = f"one yes or no per possible connection: 2^{edges} networks"
    wiring = (0, "fully connected: no choice") if connectivity == "full" else (edges, free)
    shape = " x ".join(map(str, sizes))
    return [
        Hyperparameter("architecture", "number of layers", 1, f"{len(sizes) - 1} layers of weights"),
        Hyperparameter("architecture", "neurons per layer", len(hidden), f"hidden layers: {hidden}"),
        Hyperparameter(
            "architecture", "activation per layer", len(sizes) - 1, "one for each layer of neurons"
        ),
        Hyperparameter("architecture", "connectivity", *wiring),
        Hyperparameter("training", "metric (loss)", 1, "quadratic, cross-entropy, ..."),
        Hyperparameter("training", "optimization method", 1, optimizer),
        Hyperparameter("training", "parameters of the method", len(arguments), ", ".join(arguments)),
        Hyperparameter(
            "training",
            "not on the slide",
            6,
            "initialization, batch size, epochs, regularization, seed, early stopping",
        ),
        Hyperparameter(
            "fixed by the data", "input and output sizes", 0, f"{sizes[0]} and {sizes[-1]} of {shape}"
        ),
    ]


# How a step is computed, and in which direction it is counted, is not a choice of the model.
_NOT_HYPERPARAMETERS = {"self", "params", "maximize", "foreach", "capturable", "differentiable", "fused"}


def optimizer_arguments(optimizer: str) -> list[str]:
    """The hyperparameters of an optimizer of torch.optim, read from its signature. Raises UnknownNameError.

    >>> optimizer_arguments("sgd")
    ['lr', 'momentum', 'dampening', 'weight_decay', 'nesterov']
    """
    import torch  # takes seconds, and counting parameters does not need it

    known = {
        name
        for name, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer) and name != "Optimizer"
    }
    # The slide writes SGD, the options write sgd: capitals do not matter.
    exact = {name.lower(): name for name in known}.get(optimizer.lower())
    if exact is None:
        raise UnknownNameError("optimizer", optimizer, sorted(known))
    parameters = inspect.signature(getattr(torch.optim, exact)).parameters
    return [name for name in parameters if name not in _NOT_HYPERPARAMETERS]
