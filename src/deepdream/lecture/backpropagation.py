"""Backpropagation by hand, every number kept; and the check that says whether it is right.

The four equations, as Nielsen numbers them (2015, ch. 2); ⊙ is the product neuron by neuron:

    BP1  delta_L = dC/da_L ⊙ f'(z_L)           BP3  dC/db_l = delta_l
    BP2  delta_l = (W_(l+1)ᵀ delta_(l+1)) ⊙ f'(z_l)    BP4  dC/dW_l = delta_l a_(l-1)ᵀ
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepdream.lecture.losses import Loss, find_loss
from deepdream.lecture.mlp import MLP

Floats = NDArray[np.float64]

__all__ = [
    "BackpropTrace",
    "GradientCheck",
    "LayerTrace",
    "backprop",
    "check_gradients",
    "gradient_norms",
    "mazur",
    "notebook_backprop",
    "notebook_samples",
    "right_line",
    "take_step",
    "train_notebook",
    "wrong_line",
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
    """Feed forward, then go back layer by layer. ``x``: (samples, inputs), ``y_true``: (samples, outputs)."""
    x, y = torch.as_tensor(x, dtype=torch.float64), torch.as_tensor(y_true, dtype=torch.float64)
    cost: Loss = find_loss(loss)
    states = model.trace(x)
    entering = [x] + [state.a for state in states[:-1]]
    layers: list[LayerTrace] = []
    slope = cost.slope(y, states[-1].a)
    for linear, f, a_in, (z, a) in reversed(
        list(zip(model.linear, model.activations, entering, states, strict=True))
    ):
        delta = f.pull_back(z, slope)  # BP1 at the output, the second half of BP2 elsewhere
        layers.insert(0, LayerTrace(z, a, delta, delta.T @ a_in / len(x), delta.mean(0)))  # BP4, BP3
        slope = delta @ linear.weight  # the first half of BP2, for the layer before
    return BackpropTrace(float(cost(y, states[-1].a)), tuple(layers))


@torch.no_grad()
def take_step(model: MLP, trace: BackpropTrace, lr: float, *, bias_lr: float | None = None) -> None:
    """Move every weight against its gradient. ``bias_lr=0`` keeps the biases, as Mazur's example does."""
    for linear, layer in zip(model.linear, trace.layers, strict=True):
        linear.weight.sub_(lr * layer.grad_w)
        linear.bias.sub_((lr if bias_lr is None else bias_lr) * layer.grad_b)


def gradient_norms(model: MLP, x: Any, y_true: Any, loss: str = "quadratic") -> list[float]:
    """``‖dC/dW‖`` of each layer, first to last: small at the front of a deep sigmoid network."""
    return [float(layer.grad_w.norm()) for layer in backprop(model, x, y_true, loss).layers]


# --- is it right? ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GradientCheck:
    """Gradients by formula beside gradients by wiggling, and the largest relative difference.

    ``rows``: parameter name, by formula, by wiggling, relative error; the worst first.
    """

    rows: tuple[tuple[str, float, float, float], ...]

    @property
    def worst(self) -> float:
        """The largest relative error."""
        return self.rows[0][3]

    @property
    def passed(self) -> bool:
        """Whether formula and wiggling agree to a millionth."""
        return self.worst < 1e-6


Gradients = Callable[[MLP, Any, Any, str], list[Tensor]]


def _by_hand(model: MLP, x: Any, y_true: Any, loss: str) -> list[Tensor]:
    return backprop(model, x, y_true, loss).gradients


def check_gradients(
    model: MLP,
    x: Any,
    y_true: Any,
    loss: str = "quadratic",
    *,
    gradients: Gradients = _by_hand,
    step: float = 1e-4,
    floor: float = 1e-8,
) -> GradientCheck:
    """Compare ``gradients`` with centered differences ``(C(w + step) - C(w - step)) / 2 step``.

    The relative error is ``|g - n| / max(|g| + |n|, floor)``: gradients below the floor are rounding.
    """
    formula = torch.cat([g.flatten() for g in gradients(model, x, y_true, loss)]).tolist()
    wiggled = list(_centered_differences(model, x, y_true, find_loss(loss), step))
    rows = [
        (name, g, n, abs(g - n) / max(abs(g) + abs(n), floor))
        for name, g, n in zip(_names(model), formula, wiggled, strict=True)
    ]
    return GradientCheck(tuple(sorted(rows, key=lambda row: -row[3])))


@torch.no_grad()
def _centered_differences(model: MLP, x: Any, y_true: Any, loss: Loss, step: float) -> Iterator[float]:
    y = torch.as_tensor(y_true, dtype=torch.float64)
    for parameter in model.parameters():
        flat = parameter.view(-1)
        for i in range(len(flat)):
            kept = flat[i].item()
            flat[i] = kept + step
            above = float(loss(y, model(x)))
            flat[i] = kept - step
            below = float(loss(y, model(x)))
            flat[i] = kept
            yield (above - below) / (2 * step)


def _names(model: MLP) -> Iterator[str]:
    for number, layer in enumerate(model.linear, start=1):
        for j in range(layer.out_features):
            yield from (f"w{number}[{j + 1},{i + 1}]" for i in range(layer.in_features))
        yield from (f"b{number}[{j + 1}]" for j in range(layer.out_features))


# --- worked examples -------------------------------------------------------------------------------------


def mazur() -> tuple[MLP, Tensor, Tensor]:
    """Network, input and target of Mazur's "A step by step backpropagation example" (2015); lr is 0.5."""
    model = MLP([2, 2, 2])
    _set(model, ([[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35]), ([[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60]))
    x, y_true = torch.tensor([[[0.05, 0.10]], [[0.01, 0.99]]], dtype=torch.float64)
    return model, x, y_true


@torch.no_grad()
def _set(model: MLP, *layers: tuple[Any, Any]) -> None:
    for linear, (weight, bias) in zip(model.linear, layers, strict=True):
        linear.weight.copy_(torch.as_tensor(weight, dtype=torch.float64))
        linear.bias.copy_(torch.as_tensor(bias, dtype=torch.float64))


def notebook_samples() -> tuple[Tensor, Tensor]:
    """The samples of the class notebook NN_from_scratch: rows 001, 111, 101, 011; y is the first column."""
    x = torch.tensor([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]).double()
    return x, x[:, :1]


def notebook_backprop(model: MLP, x: Any, y_true: Any, loss: str = "quadratic") -> list[Tensor]:
    """The notebook's gradients, with its mistake: the *output* stands where the hidden layer belongs.

    ``outputLayer.T.dot(delta)`` is one number, which is then added to every weight of the last layer.
    """
    trace = backprop(model, x, y_true, loss)
    last = trace.layers[-1]
    wrong = (last.a.T @ last.delta / len(last.a)).expand_as(last.grad_w)
    return [*trace.gradients[:-2], wrong, last.grad_b]


Line = Callable[[Floats, Floats, Floats], Floats]


def wrong_line(hidden: Floats, output: Floats, delta: Floats) -> Floats:  # noqa: ARG001  # the mistake
    """The notebook's line, ``syn1 += outputLayer.T.dot(outputLayer_delta)``."""
    return output.T @ delta


def right_line(hidden: Floats, output: Floats, delta: Floats) -> Floats:  # noqa: ARG001
    """The line that belongs there, ``syn1 += layer1out.T.dot(outputLayer_delta)``."""
    return hidden.T @ delta


def train_notebook(
    line: Line, *, hidden: int = 4, power: int = 1, seed: int = 302, steps: int = 6000
) -> list[float]:
    """Run the notebook as it stands, but for one ``line``; the four outputs it prints at the end.

    ``power=3`` is its exercise with another "loss", ``(y - output)³``.
    """
    X, y = (tensor.numpy() for tensor in notebook_samples())
    random = np.random.RandomState(seed)
    syn0, syn1 = 2 * random.random_sample((3, hidden)) - 1, 2 * random.random_sample((hidden, 1)) - 1
    for _ in range(steps):
        layer1 = 1 / (1 + np.exp(-X @ syn0))
        output = 1 / (1 + np.exp(-layer1 @ syn1))
        delta = (y - output) ** power * output * (1 - output)
        layer1_delta = delta @ syn1.T * layer1 * (1 - layer1)
        syn1 = syn1 + line(layer1, output, delta)
        syn0 = syn0 + X.T @ layer1_delta
    return [float(value) for value in output[:, 0]]
