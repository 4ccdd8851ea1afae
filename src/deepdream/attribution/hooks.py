"""Reading and replacing what a layer gives: the only place here where a forward pass is hooked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from deepdream.attribution.problem import Problem, find_layer, frozen_copy
from deepdream.models import Layer, Model


@contextmanager
def replacing_output(module: nn.Module, runs: int, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, the network goes on with ``change(output)`` after the module's last run of a pass.

    Replacing is the purpose here; the hook is always removed again.
    """
    left = runs

    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor | None:
        nonlocal left
        left -= 1
        return None if left else change(output)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def open_network(model: Model) -> nn.Module:
    """A frozen copy whose every layer gives its own output: no batch norm folded, nothing in place."""
    if model not in _OPEN:
        _OPEN[model] = frozen_copy(model.module)
    return _OPEN[model]


_OPEN: WeakKeyDictionary[Model, nn.Module] = WeakKeyDictionary()


def activation_and_gradient(problem: Problem) -> tuple[Tensor, Tensor]:
    """What the problem's layer gives, (C, h, w), and the gradient of the score there."""
    activation, gradient = layer_gradients(problem, problem.image, problem.layer)
    return activation[0], gradient[0]


def layer_gradients(problem: Problem, images: Tensor, layer: Layer) -> tuple[Tensor, Tensor]:
    """The activations (B, C, ...) of ``layer`` for pictures, and the gradient of each one's score there."""
    network = open_network(problem.model)
    kept: list[Tensor] = []

    def cut(output: Tensor) -> Tensor:
        kept.append(output.detach().clone().requires_grad_())
        return kept[0].clone()  # what runs next may write into it

    with torch.enable_grad(), replacing_output(network.get_submodule(layer.name), layer.runs, cut):
        logits = network(problem.model.normalize(images))
        problem.cost.forwards += len(images)
        score = problem.count_backward(problem.of_logits(logits))
        (gradient,) = torch.autograd.grad(score.sum(), kept)
    return kept[0].detach(), gradient


def scores_from(problem: Problem, activations: Tensor) -> Tensor:
    """The scores (N,) the network would give if its layer gave each of ``activations`` (N, C, h, w).

    The part below the last layer runs once for a whole chunk: the hook puts N activations in the place of
    one, and the rest of the network runs on a batch of N. Below an earlier layer a later one may join the
    picture's own activations to them, so there the picture is repeated.
    """
    layer, network = problem.layer, open_network(problem.model)
    last = layer.name == find_layer(problem.model, "auto").name
    found = []
    size = 8 * problem.chunk if last else problem.chunk
    for start in range(0, len(activations), size):
        part = activations[start : start + size]
        with torch.no_grad(), replacing_output(network.get_submodule(layer.name), layer.runs, _giving(part)):
            images = problem.image.expand(1 if last else len(part), -1, -1, -1)
            found.append(problem.of_logits(network(problem.model.normalize(images))))
            problem.cost.forwards += len(images)
    return torch.cat(found)


def _giving(value: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda _: value.clone()  # what runs next may write into it
