"""Ladder: the same operation, the gradient with respect to the input, from the perceptron to the dream.

f(x + h u) = f(x) + h (∇f · u) + ...: at every rung the gradient says which small change raises the score most.
Shown as it is, it is a saliency map; followed step by step, it makes a dream; with the weights in the place of the
picture, it is training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from deepdream.lecture.classifier import NIELSEN
from deepdream.lecture.datasets import bundled, one_hot
from deepdream.lecture.descent import gradient_descent
from deepdream.lecture.mlp import MLP
from deepdream.lecture.perceptron import Perceptron
from deepdream.lecture.training import fit
from deepdream.lessons.exhibit import Tell, in_silence
from deepdream.lessons.small_networks import SmallCNN, accuracy, train_small
from deepdream.models.copies import copied
from deepdream.tensors import generator, root_mean_square

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deepdream.images import Picture
from deepdream.models import Model

Score = Callable[[Tensor], Tensor]

#: The two digits that the perceptron tells apart, and the one that is shown.
DIGITS, SHOWN = (3, 8), 8
STEPS = 20
#: The first step changes what may change by this share of its root mean square.
FIRST_STEP = 0.05
DIRECTIONS = 4
WIDTH = 1e-6


@dataclass(frozen=True, eq=False)
class Rung:
    """One network, one score, one gradient.

    Attributes:
        name, formula: The question, and what the gradient is, in the deck's symbols.
        x: What may change, float64, (H, W) or (3, H, W).
        gradient: Of the score in ``x``, of the same shape.
        climbed: ``x`` after ``STEPS`` steps along the gradient.
        score, climbed_score: Before and after.
        error: The largest distance between the gradient and central differences, as a share of its length.
        directions: Along how many directions that was measured.
        note: What to notice.
    """

    name: str
    formula: str
    x: Tensor
    gradient: Tensor
    climbed: Tensor
    score: float
    climbed_score: float
    error: float
    directions: int
    note: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "formula": self.formula,
            "score": self.score,
            "climbed_score": self.climbed_score,
            "gradient_length": float(self.gradient.norm()),
            "finite_difference_error": self.error,
            "directions": self.directions,
            "note": self.note,
        }


def climb(name: str, formula: str, score: Score, x: Tensor, note: str, *, every_axis: bool = False) -> Rung:
    """One rung: the gradient of ``score`` at ``x``, checked, and followed for ``STEPS`` steps.

    It is checked along every axis, or along a few random directions where there are too many axes.
    """
    x = x.double().cpu()
    (gradient,) = torch.autograd.grad(score(leaf := x.clone().requires_grad_()), leaf)
    directions = list(_axes(x) if every_axis else _random_directions(x))
    rate = FIRST_STEP * root_mean_square(x) / max(root_mean_square(gradient), 1e-12)
    path = gradient_descent(
        lambda v: score(v.view(x.shape)), x.flatten(), lr=rate, steps=STEPS, maximize=True
    )
    return Rung(
        name=name,
        formula=formula,
        x=x,
        gradient=gradient,
        climbed=torch.from_numpy(path.points[-1].copy()).view(x.shape),
        score=float(path.values[0]),
        climbed_score=float(path.values[-1]),
        error=_difference(score, x, gradient, directions),
        directions=len(directions),
        note=note,
    )


def _axes(x: Tensor) -> Iterator[Tensor]:
    for row in torch.eye(x.numel(), dtype=torch.float64):
        yield row.view(x.shape)


def _random_directions(x: Tensor) -> Iterator[Tensor]:
    chance = generator(0)
    for _ in range(DIRECTIONS):
        direction = torch.randn(x.shape, generator=chance, dtype=torch.float64)
        yield direction / direction.norm()


@torch.no_grad()
def _difference(score: Score, x: Tensor, gradient: Tensor, directions: list[Tensor]) -> float:
    """The largest distance between gradient and central differences, as a share of the gradient's length."""
    worst = 0.0
    for direction in directions:
        step = WIDTH * direction
        measured = float(score(x + step) - score(x - step)) / (2 * WIDTH)
        worst = max(worst, abs(measured - float((gradient * direction).sum())))
    return worst / max(float(gradient.norm()), 1e-12)


def climb_ladder(
    model: Model, picture: Picture, *, seed: int = 0, tell: Tell = in_silence
) -> tuple[Rung, ...]:
    """Every rung, from the perceptron to the dream and to training. Trains three small networks on the way."""
    tell("ladder: perceptron, multilayer perceptron, small convolutional network")
    table = bundled("digits")
    chosen = np.flatnonzero(table.y == SHOWN)[seed % 100]
    x = torch.from_numpy(table.X[chosen].copy()).view(8, 8)
    small = [*_perceptron_rungs(table.X, table.y, x), _mlp_rung(table.X, table.y, x, seed)]
    small.append(_cnn_rung(table.X, table.y, x, seed))
    tell(f"ladder: {model.name}, in double precision")
    large = _pretrained_rungs(model, picture)
    return (small[0], small[2], small[3], *large, small[1])


def _perceptron_rungs(X: NDArray[np.float64], y: NDArray[np.int64], x: Tensor) -> list[Rung]:
    both = np.isin(y, DIGITS)
    line = Perceptron(max_epochs=200).fit(X[both], y[both])
    w = torch.from_numpy(line.weights_.copy()).view(8, 8)
    bias = line.bias_
    perceptron = climb(
        f"perceptron: {DIGITS[0]} or {DIGITS[1]}?",
        "z = w·x + b,  ∇z = w",
        lambda v: (w * v).sum() + bias,
        x,
        "the gradient is the weights, whatever the input",
        every_axis=True,
    )
    training = climb(
        "training: the weights move",
        "z = w·x + b,  ∂z/∂w = x",
        lambda v: (v * x).sum() + bias,
        w,
        "asked of the weights, the gradient is the input: the perceptron's rule",
        every_axis=True,
    )
    return [perceptron, training]


def _mlp_rung(X: NDArray[np.float64], y: NDArray[np.int64], x: Tensor, seed: int) -> Rung:
    network = MLP([64, 30, 10], seed=seed)
    fit(network, X, one_hot(y, 10), replace(NIELSEN, epochs=10, seed=seed))
    network.requires_grad_(False)
    return climb(
        f"multilayer perceptron: a {SHOWN}?",
        "∇z = W₁ᵀ σ′(z₁) ⊙ w₂",
        lambda v: network.trace(v.reshape(1, 64))[-1].z[0, SHOWN],
        x,
        "from here on the gradient depends on the input",
        every_axis=True,
    )


def _cnn_rung(X: NDArray[np.float64], y: NDArray[np.int64], x: Tensor, seed: int) -> Rung:
    images = torch.from_numpy(X).view(-1, 1, 8, 8)
    network = train_small(SmallCNN(1, 8, 10, seed=seed).double(), images, torch.from_numpy(y))
    return climb(
        f"small CNN: a {SHOWN}?",
        "∇z by the chain rule",
        lambda v: network(v.view(1, 1, 8, 8))[0, SHOWN],
        x,
        f"trained here in seconds; right on {accuracy(network, images, torch.from_numpy(y)):.0%} of its digits",
        every_axis=True,
    )


def _pretrained_rungs(model: Model, picture: Picture) -> list[Rung]:
    twin = in_float64(model)
    x = twin.crop(picture.tensor().double().to(model.device))[0]
    with torch.no_grad():
        target = int(twin(x[None])[0].argmax())
    layer = twin.recommended_layer
    saliency = climb(
        f"{model.name}: {twin.label(target)}?",
        "∇z: the saliency map",
        lambda v: twin(v.view(1, *x.shape))[0, target],
        x,
        "the same question to millions of weights",
    )
    dream = climb(
        f"DeepDream: {layer}",
        "∇ mean a²: the dream's step",
        lambda v: twin.activations(v.view(1, *x.shape), [layer])[layer].square().mean(),
        x,
        "a layer in the place of a class, and the step repeated",
    )
    return [saliency, dream]


def in_float64(model: Model) -> Model:
    """A copy in double precision, in which finite differences mean something."""
    return replace(model, module=copied(model.module).double())
