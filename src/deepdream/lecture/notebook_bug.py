"""A class notebook whose backpropagation has a mistake and learns all the same: an exercise for the gradient check.

The notebook is NN_from_scratch: a 3-4-1 network without biases, in numpy, trained on four samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepdream.lecture.backpropagation import backprop
from deepdream.lecture.mlp import MLP

__all__ = ["notebook_backprop", "notebook_samples", "right_line", "train_notebook", "wrong_line"]

Floats = NDArray[np.float64]


def notebook_samples() -> tuple[Tensor, Tensor]:
    """The samples of the class notebook NN_from_scratch: rows 001, 111, 101, 011; y is the first column.

    >>> notebook_samples()[1].flatten().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    x = torch.tensor([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]).double()
    return x, x[:, :1]


def notebook_backprop(model: MLP, x: Any, y_true: Any, loss: str = "quadratic") -> list[Tensor]:
    """The notebook's gradients, with its mistake: the *output* stands where the hidden layer belongs.

    ``outputLayer.T.dot(delta)`` is one number, which is then added to every weight of the last layer.

    >>> from deepdream.lecture.backpropagation import check_gradients
    >>> check_gradients(MLP([3, 4, 1]), *notebook_samples(), gradients=notebook_backprop).passed
    False
    """
    trace = backprop(model, x, y_true, loss)
    last = trace.layers[-1]
    # The mistake has the shape (1, 1), and numpy's broadcasting hides it.
    wrong = (last.a.T @ last.delta / len(last.a)).expand_as(last.grad_w)
    return [*trace.gradients[:-2], wrong, last.grad_b]


Line = Callable[[Floats, Floats, Floats], Floats]


def wrong_line(hidden: Floats, output: Floats, delta: Floats) -> Floats:  # noqa: ARG001  # the mistake
    """The notebook's line, ``syn1 += outputLayer.T.dot(outputLayer_delta)``. Shapes (4, h), (4, 1), (4, 1).

    >>> wrong_line(np.ones((4, 3)), np.ones((4, 1)), np.ones((4, 1))).shape  # one number for all weights
    (1, 1)
    """
    return output.T @ delta


def right_line(hidden: Floats, output: Floats, delta: Floats) -> Floats:  # noqa: ARG001
    """The line that belongs there, ``syn1 += layer1out.T.dot(outputLayer_delta)``.

    >>> right_line(np.ones((4, 3)), np.ones((4, 1)), np.ones((4, 1))).shape  # one for each hidden neuron
    (3, 1)
    """
    return hidden.T @ delta


def train_notebook(
    line: Line, *, hidden: int = 4, power: int = 1, seed: int = 302, steps: int = 6000
) -> list[float]:
    """Run the notebook with ``line`` in the place of its mistake; the four outputs that it prints at the end.

    ``power=3`` is its exercise with another "loss", ``(y - output)³``.

    >>> [round(output, 3) for output in train_notebook(right_line)]
    [0.007, 0.994, 0.994, 0.006]
    """
    X, y = (tensor.numpy() for tensor in notebook_samples())
    # The old generator of numpy, because the printed numbers of the notebook come from it.
    random = np.random.RandomState(seed)
    syn0, syn1 = 2 * random.random_sample((3, hidden)) - 1, 2 * random.random_sample((hidden, 1)) - 1
    for _ in range(steps):
        layer1 = 1 / (1 + np.exp(-X @ syn0))
        output = 1 / (1 + np.exp(-layer1 @ syn1))
        delta = (y - output) ** power * output * (1 - output)
        layer1_delta = delta @ syn1.T * layer1 * (1 - layer1)
        # As in the notebook: the hidden delta above uses the weights before this update.
        syn1 = syn1 + line(layer1, output, delta)
        syn0 = syn0 + X.T @ layer1_delta
    return [float(value) for value in output[:, 0]]
