"""Backpropagation by hand, with every number; and the check whether it is right.

The four equations, as Nielsen numbers them (2015, ch. 2); ⊙ is the product neuron by neuron:

    BP1  delta_L = dC/da_L ⊙ f'(z_L)           BP3  dC/db_l = delta_l
    BP2  delta_l = (W_(l+1)ᵀ delta_(l+1)) ⊙ f'(z_l)    BP4  dC/dW_l = delta_l a_(l-1)ᵀ
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepdream.lecture.losses import Loss, find_loss
from deepdream.lecture.mlp import MLP

__all__ = [
    "BackpropTrace",
    "ChainGraph",
    "GradientCheck",
    "LayerTrace",
    "backprop",
    "chain_rule_neuron",
    "check_gradients",
    "gradient_norms",
    "mazur",
    "take_step",
]


@dataclass(frozen=True)
class LayerTrace:
    """One layer: ``z``, ``a``, ``delta`` = dC/dz (samples, out); ``grad_w`` (out, in), ``grad_b`` (out,)."""

    z: Tensor
    a: Tensor
    delta: Tensor
    grad_w: Tensor
    grad_b: Tensor


@dataclass(frozen=True)
class BackpropTrace:
    """The cost, averaged over samples, and every layer from the first to the last."""

    cost: float
    layers: tuple[LayerTrace, ...]

    @property
    def gradients(self) -> list[Tensor]:
        """In the order of ``model.parameters()``: weights and biases of each layer."""
        return [gradient for layer in self.layers for gradient in (layer.grad_w, layer.grad_b)]


@torch.no_grad()
def backprop(model: MLP, x: Any, y_true: Any, loss: str = "quadratic") -> BackpropTrace:
    """Feed forward, then go back layer by layer. ``x``: (samples, inputs), ``y_true``: (samples, outputs).

    The gradients are averaged over the samples, as the cost is.

    >>> model, x, y_true = mazur()
    >>> trace = backprop(model, x, y_true)
    >>> round(trace.cost, 9), round(trace.layers[1].grad_w[0, 0].item(), 8)
    (0.298371109, 0.08216704)
    """
    x, y = torch.as_tensor(x, dtype=torch.float64), torch.as_tensor(y_true, dtype=torch.float64)
    # float64 throughout: in float32 the gradient check could not tell a wrong formula from rounding.
    cost = find_loss(loss)
    states = model.trace(x)
    # What enters a layer is the activation of the one before; the first layer gets the input itself.
    activations_in = [x] + [state.a for state in states[:-1]]

    layers: list[LayerTrace] = []
    slope = cost.slope(y, states[-1].a)  # dC/da of the last layer
    forward = zip(model.linear, model.activations, activations_in, states, strict=True)
    for linear, f, a_in, (z, a) in reversed(list(forward)):
        delta = f.pull_back(z, slope)  # BP1 at the output, the second half of BP2 elsewhere
        grad_w = delta.T @ a_in / len(x)  # BP4
        grad_b = delta.mean(0)  # BP3
        layers.insert(0, LayerTrace(z, a, delta, grad_w, grad_b))
        slope = delta @ linear.weight  # the first half of BP2: dC/da of the layer before
    return BackpropTrace(float(cost(y, states[-1].a)), tuple(layers))


@torch.no_grad()
def take_step(model: MLP, trace: BackpropTrace, lr: float, *, bias_lr: float | None = None) -> None:
    """Move every weight against its gradient. ``bias_lr=0`` keeps the biases, as Mazur's example does.

    >>> model, x, y_true = mazur()
    >>> take_step(model, backprop(model, x, y_true), lr=0.5, bias_lr=0)
    >>> round(backprop(model, x, y_true).cost, 10)  # the published 0.291027924 uses weights already updated
    0.2910277737
    """
    for linear, layer in zip(model.linear, trace.layers, strict=True):
        linear.weight.sub_(lr * layer.grad_w)
        linear.bias.sub_((lr if bias_lr is None else bias_lr) * layer.grad_b)


def gradient_norms(model: MLP, x: Any, y_true: Any, loss: str = "quadratic") -> list[float]:
    """``‖dC/dW‖`` of each layer, first to last: small at the front of a deep sigmoid network.

    >>> model, x, y_true = mazur()
    >>> [round(norm, 4) for norm in gradient_norms(model, x, y_true)]
    [0.0015, 0.1209]
    """
    return [float(layer.grad_w.norm()) for layer in backprop(model, x, y_true, loss).layers]


# --- is it right? ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GradientCheck:
    """Gradients by formula beside finite differences, and the largest relative error.

    ``rows``: parameter name, by formula, by differences, relative error; the worst first.
    """

    rows: tuple[tuple[str, float, float, float], ...]

    @property
    def worst(self) -> float:
        """The largest relative error."""
        return self.rows[0][3]

    @property
    def passed(self) -> bool:
        """Whether both agree to a millionth."""
        return self.worst < 1e-6


Gradients = Callable[[MLP, Any, Any, str], list[Tensor]]


def check_gradients(
    model: MLP,
    x: Any,
    y_true: Any,
    loss: str = "quadratic",
    *,
    gradients: Gradients | None = None,
    step: float = 1e-4,
    floor: float = 1e-8,
) -> GradientCheck:
    """Compare ``gradients`` with centered differences ``(C(w + step) - C(w - step)) / 2 step``.

    Args:
        gradients: the formula to check, a function of these four arguments. The default is :func:`backprop`.
        step: how far each parameter is moved. Smaller is more exact until rounding takes over.
        floor: the relative error is ``|g - n| / max(|g| + |n|, floor)``; gradients below it are rounding.

    >>> check_gradients(*mazur()).passed
    True
    """
    by_formula = (
        gradients(model, x, y_true, loss) if gradients else backprop(model, x, y_true, loss).gradients
    )
    flat = torch.cat([gradient.flatten() for gradient in by_formula]).tolist()
    differences = _centered_differences(model, x, y_true, find_loss(loss), step)
    rows = [
        (name, g, n, abs(g - n) / max(abs(g) + abs(n), floor))
        for name, g, n in zip(model.parameter_names(), flat, differences, strict=True)
    ]
    return GradientCheck(tuple(sorted(rows, key=lambda row: -row[3])))


@torch.no_grad()
def _centered_differences(model: MLP, x: Any, y_true: Any, loss: Loss, step: float) -> Iterator[float]:
    y = torch.as_tensor(y_true, dtype=torch.float64)
    for parameter in model.parameters():
        flat = parameter.view(-1)
        for i in range(len(flat)):
            # Two passes for each parameter: slow, and independent of everything backprop assumes.
            original = flat[i].item()
            flat[i] = original + step
            above = float(loss(y, model(x)))
            flat[i] = original - step
            below = float(loss(y, model(x)))
            flat[i] = original
            yield (above - below) / (2 * step)


# --- worked examples -------------------------------------------------------------------------------------


def mazur() -> tuple[MLP, Tensor, Tensor]:
    """Network, input and target of Mazur's "A step by step backpropagation example" (2015); lr is 0.5.

    >>> model, x, y_true = mazur()
    >>> [round(a, 8) for a in model(x)[0].tolist()]
    [0.75136507, 0.77292847]
    """
    model = MLP([2, 2, 2])
    # Each layer has one bias for both of its neurons in the example; here each neuron has a copy.
    layers = (
        ([[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35]),
        ([[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60]),
    )
    with torch.no_grad():
        for linear, (weight, bias) in zip(model.linear, layers, strict=True):
            linear.weight.copy_(torch.tensor(weight, dtype=torch.float64))
            linear.bias.copy_(torch.tensor(bias, dtype=torch.float64))
    x, y_true = torch.tensor([[[0.05, 0.10]], [[0.01, 0.99]]], dtype=torch.float64)
    return model, x, y_true


@dataclass(frozen=True)
class ChainGraph:
    """A neuron as a graph of small operations: values forward, derivatives of the output backward."""

    values: dict[str, float]
    slopes: dict[str, float]


def chain_rule_neuron(
    w: Sequence[float] = (2, -3), x: Sequence[float] = (-1, -2), b: float = -3
) -> ChainGraph:
    """``a = sigmoid(w0 x0 + w1 x1 + b)`` with every step and slope (numbers of CS231n, "Backpropagation").

    >>> round(chain_rule_neuron().slopes["z"], 4)
    0.1966
    """
    # Forward first: the backward pass needs the values of both factors of each product.
    products = [w_i * x_i for w_i, x_i in zip(w, x, strict=True)]
    z = sum(products) + b
    a = 1 / (1 + math.exp(-z))
    dz = a * (1 - a)  # the sigmoid's slope; a sum passes it on, a product multiplies by the other factor
    values, slopes = {"z": z, "a": a, "b": b}, {"a": 1.0, "z": dz, "b": dz}
    for i, (w_i, x_i, product) in enumerate(zip(w, x, products, strict=True)):
        values |= {f"w{i}": w_i, f"x{i}": x_i, f"w{i}*x{i}": product}
        slopes |= {f"w{i}*x{i}": dz, f"w{i}": x_i * dz, f"x{i}": w_i * dz}
    return ChainGraph(values, slopes)
