"""The multilayer perceptron: layers of neurons, every one connected to all of the layer before.

a_0 = x        z_l = W_l a_(l-1) + b_l        a_l = f_l(z_l)        W_l is (out, in), as in torch
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.activations import Activation, find_activation

__all__ = ["INITS", "MLP", "LayerState", "initialize"]


class LayerState(NamedTuple):
    """What a layer computes: the sums ``z`` and the activations ``a``, both (samples, neurons)."""

    z: Tensor
    a: Tensor


#: How the weights may start; see :func:`initialize`.
INITS = ("nielsen", "normal", "xavier", "kaiming", "uniform", "zeros")


@torch.no_grad()
def initialize(layer: nn.Linear, init: str, rng: torch.Generator) -> None:
    """Set the weights and biases of ``layer`` in place. Raises UnknownNameError.

    normal: N(0, 1). nielsen: the same, weights divided by √inputs (Nielsen 2015, ch. 3). xavier: Glorot, Bengio 2010.
    kaiming: He et al. 2015, for ReLU. uniform: between -1 and 1. zeros: all neurons of a layer stay equal for ever.

    >>> layer = nn.Linear(2, 1)
    >>> initialize(layer, "zeros", torch.Generator())
    >>> layer.weight.tolist()
    [[0.0, 0.0]]
    """
    if init not in INITS:
        raise UnknownNameError("initialization", init, INITS)
    # The order of the random numbers is part of the result: weights first, then biases.
    layer.bias.zero_()
    if init in ("nielsen", "normal"):
        layer.weight.normal_(0, 1, generator=rng)
        layer.bias.normal_(0, 1, generator=rng)
    if init == "nielsen":
        layer.weight.div_(math.sqrt(layer.in_features))  # so that z has a spread near 1 and σ(z) a slope
    elif init == "xavier":
        nn.init.xavier_normal_(layer.weight, generator=rng)
    elif init == "kaiming":
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)
    elif init == "uniform":
        layer.weight.uniform_(-1, 1, generator=rng)
        layer.bias.uniform_(-1, 1, generator=rng)
    elif init == "zeros":
        layer.weight.zero_()


class MLP(nn.Module):
    """A fully connected network in float64. ``sizes`` counts neurons from the inputs to the outputs.

    Args:
        sizes: for instance [3, 4, 1]: three inputs, four hidden neurons, one output.
        activation: of the hidden neurons.
        output: activation of the last layer.
        init: how the weights start, one of :data:`INITS`.
        seed: the same seed gives the same weights.

    >>> MLP([3, 4, 1])
    MLP(3-4-1, sigmoid, sigmoid)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "sigmoid",
        *,
        output: str = "sigmoid",
        init: str = "nielsen",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise UsageError(f"A network needs at least 2 layers of at least 1 neuron, not {list(sizes)}.")
        self.sizes = tuple(sizes)
        names = [activation] * (len(sizes) - 2) + [output]
        self.activations: list[Activation] = [find_activation(name) for name in names]
        pairs = itertools.pairwise(sizes)
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out, dtype=torch.float64) for n_in, n_out in pairs)
        rng = torch.Generator().manual_seed(seed)
        for layer in self.linear:
            initialize(layer, init, rng)

    @property
    def linear(self) -> list[nn.Linear]:
        """The layers in order; ``.weight`` is (out, in), ``.bias`` (out,)."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def trace(self, x: Any) -> list[LayerState]:
        """``z`` and ``a`` of every layer, from the first to the last. ``x``: (samples, inputs)."""
        # float64, because float32 would hide small errors of gradients.
        a, states = torch.as_tensor(x, dtype=torch.float64), []
        for layer, f in zip(self.linear, self.activations, strict=True):
            # Samples are rows, so W a becomes a Wᵀ.
            z = a @ layer.weight.T + layer.bias
            a = f(z)
            states.append(LayerState(z, a))
        return states

    def forward(self, x: Any) -> Tensor:
        """The outputs, (samples, outputs)."""
        a: Tensor = self.trace(x)[-1].a
        return a

    def predict(self, x: Any) -> Tensor:
        """The class of each sample: the largest output; with one output, whether it is past the middle."""
        with torch.no_grad():
            a: Tensor = self(x)
        # tanh and identity are centered at 0, the sigmoid at 0.5.
        middle = 0.0 if self.activations[-1].name in ("tanh", "identity") else 0.5
        return (a[:, 0] > middle).long() if a.shape[1] == 1 else a.argmax(1)

    def collapse(self) -> tuple[Tensor, Tensor]:
        """One ``W`` and ``b`` that do the same: ``W = W_2 W_1``, ``b = W_2 b_1 + b_2``.

        Raises UsageError unless every activation is the identity.
        """
        curved = [f.name for f in self.activations if f.name != "identity"]
        if curved:
            raise UsageError(f"Only a network without activations collapses; this one has {curved[0]}.")
        # Start with the identity, and let each layer act on what was collected before it.
        W, b = torch.eye(self.sizes[0], dtype=torch.float64), torch.zeros(self.sizes[0], dtype=torch.float64)
        for layer in self.linear:
            W, b = layer.weight.detach() @ W, layer.weight.detach() @ b + layer.bias.detach()
        return W, b

    def equations(self, digits: int = 3) -> str:
        """Every neuron as a line: ``a1_2 = sigmoid(0.5*x1 - 1.2*x2 + 0.3)``."""
        lines, entering = [], [f"x{i + 1}" for i in range(self.sizes[0])]
        for number, (layer, f) in enumerate(zip(self.linear, self.activations, strict=True), start=1):
            leaving = [f"a{number}_{j + 1}" for j in range(layer.out_features)]
            rows = zip(leaving, layer.weight.tolist(), layer.bias.tolist(), strict=True)
            for name, weights, bias in rows:
                terms = [f"{w:+.{digits}f}*{x}" for w, x in zip(weights, entering, strict=True)]
                total = " ".join([*terms, f"{bias:+.{digits}f}"]).lstrip("+")
                lines.append(f"{name} = {f.name}({total})")
            entering = leaving
        return "\n".join(lines)

    def parameter_names(self) -> Iterator[str]:
        """A name for each number, in the order of ``parameters()``: ``w1[2,3]`` leads from input 3 to neuron 2.

        >>> list(MLP([2, 1]).parameter_names())
        ['w1[1,1]', 'w1[1,2]', 'b1[1]']
        """
        for number, layer in enumerate(self.linear, start=1):
            # (out, in) row by row, as torch flattens a weight matrix; then the biases of the layer.
            for j in range(layer.out_features):
                yield from (f"w{number}[{j + 1},{i + 1}]" for i in range(layer.in_features))
            yield from (f"b{number}[{j + 1}]" for j in range(layer.out_features))

    def __repr__(self) -> str:
        hidden = f"{self.activations[0].name}, " if len(self.activations) > 1 else ""
        return f"MLP({'-'.join(map(str, self.sizes))}, {hidden}{self.activations[-1].name})"
