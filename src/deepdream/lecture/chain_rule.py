"""The chain rule on one neuron, taken apart into sums and products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Graph", "chain_rule_neuron"]


@dataclass(frozen=True)
class Graph:
    """A neuron as a graph of small operations: values forward, derivatives of the output backward."""

    values: dict[str, float]
    slopes: dict[str, float]


def chain_rule_neuron(w: Sequence[float] = (2, -3), x: Sequence[float] = (-1, -2), b: float = -3) -> Graph:
    """``a = sigmoid(w0 x0 + w1 x1 + b)`` with every step and slope (numbers of CS231n, "Backpropagation").

    >>> round(chain_rule_neuron().slopes["z"], 4)
    0.1966
    """
    products = [w_i * x_i for w_i, x_i in zip(w, x, strict=True)]
    z = sum(products) + b
    a = 1 / (1 + math.exp(-z))
    dz = a * (1 - a)  # the sigmoid's slope; a sum passes it on, a product multiplies by the other factor
    values, slopes = {"z": z, "a": a, "b": b}, {"a": 1.0, "z": dz, "b": dz}
    for i, (w_i, x_i, product) in enumerate(zip(w, x, products, strict=True)):
        values |= {f"w{i}": w_i, f"x{i}": x_i, f"w{i}*x{i}": product}
        slopes |= {f"w{i}*x{i}": dz, f"w{i}": x_i * dz, f"x{i}": w_i * dz}
    return Graph(values, slopes)
