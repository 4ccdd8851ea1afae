"""Reading and replacing what a layer gives: the only place here where a forward pass is hooked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from deepdream.attribution.network_copies import open_network
from deepdream.attribution.score_function import ScoreFunction
from deepdream.attribution.score_layers import find_layer
from deepdream.models import Layer, Model
from deepdream.models.layer_axes import LayerAxes


@contextmanager
def replacing_output(module: nn.Module, runs: int, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, the network continues with ``change(output)`` after the module's last run of a pass.

    Replacing is the purpose here; the hook is always removed again.
    """
    remaining = runs  # a module that is used several times in a pass: the layer is its last use

    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor | None:
        nonlocal remaining
        remaining -= 1
        return None if remaining else change(output)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def activation_and_gradient(score_function: ScoreFunction) -> tuple[Tensor, Tensor]:
    """What the question's layer gives, (C, h, w), and the gradient of the score there."""
    activation, gradient = layer_gradients(score_function, score_function.image, score_function.layer)
    return activation[0], gradient[0]


def layer_gradients(score_function: ScoreFunction, images: Tensor, layer: Layer) -> tuple[Tensor, Tensor]:
    """The activations of ``layer`` for pictures, and the gradient of each one's score there.

    Of a spatial layer both are (B, C, h, w), whatever order of axes it has; of others as the layer gives them.
    """
    network = open_network(score_function.model)
    outputs: list[Tensor] = []

    def cut(output: Tensor) -> Tensor:
        # Cut off from the part below: the gradient stops here, and that part needs no memory for it.
        outputs.append(output.detach().clone().requires_grad_())
        return outputs[0].clone()  # what runs next may write into it

    with torch.enable_grad(), replacing_output(network.get_submodule(layer.name), layer.runs, cut):
        logits = network(score_function.model.normalize(images))
        score_function.cost.forwards += len(images)
        score = score_function.count_backward(score_function.of_logits(logits))
        (gradient,) = torch.autograd.grad(score.sum(), outputs)
    if layer.axes is None:
        return outputs[0].detach(), gradient
    size = (images.shape[-2], images.shape[-1])
    return layer.axes.to_map(outputs[0].detach(), size), layer.axes.to_map(gradient, size)


def scores_from(score_function: ScoreFunction, activations: Tensor) -> Tensor:
    """The scores (N,) the network would give if its layer gave each of ``activations`` (N, C, h, w).

    The part below the layer runs once for a whole chunk: the hook puts N activations in the place of one, and
    the rest of the network runs on a batch of N. Where a later layer joins something of the picture's own to
    them and that goes wrong for a batch of N, the picture is repeated.
    """
    once = _one_picture_suffices(score_function, activations[:2])
    scores = []
    for part in torch.split(activations, 8 * score_function.chunk if once else score_function.chunk):
        pictures = 1 if once else len(part)
        try:
            scores.append(_continued(score_function, part, pictures))
        except RuntimeError as error:
            if pictures == len(part) or isinstance(error, torch.OutOfMemoryError):
                raise
            # x.view(x.size(0), -1) reads the number of pictures off the input: it must be that of the activations.
            _ONCE.setdefault(score_function.model, {})[score_function.layer.name] = False
            return scores_from(score_function, activations)
        score_function.cost.forwards += pictures
    return torch.cat(scores)


def _continued(score_function: ScoreFunction, activations: Tensor, pictures: int) -> Tensor:
    """The scores from ``activations`` in the place of what the layer gives for so many copies of the picture."""
    layer, network = score_function.layer, open_network(score_function.model)
    images = score_function.image.expand(pictures, -1, -1, -1)
    axes, size = layer.axes or LayerAxes(), score_function.size

    def replacement(output: Tensor) -> Tensor:
        values = axes.put_back(activations, output, size).detach()
        # A network that hooks its maps is run with gradients, and these need one, too.
        return values.requires_grad_(torch.is_grad_enabled()).clone()  # what runs next may write into it

    replaced = replacing_output(network.get_submodule(layer.name), layer.runs, replacement)
    with torch.no_grad(), replaced:
        return score_function.of_logits(network(score_function.model.normalize(images)))


def _one_picture_suffices(score_function: ScoreFunction, two: Tensor) -> bool:
    """Whether one picture is enough for a batch of activations: tried out once on two of them."""
    layer = score_function.layer.name
    known = _ONCE.setdefault(score_function.model, {})
    if layer not in known:
        if len(two) < 2 or layer == find_layer(score_function.model, "auto").name:
            return True
        expected = _continued(score_function, two, 2)
        try:
            scores = _continued(score_function, two, 1)
        except RuntimeError:  # sizes that do not fit together
            known[layer] = False
        else:
            close = scores.shape == expected.shape and torch.allclose(scores, expected, rtol=1e-4, atol=1e-4)
            known[layer] = close
    return known[layer]


_ONCE: WeakKeyDictionary[Model, dict[str, bool]] = WeakKeyDictionary()
