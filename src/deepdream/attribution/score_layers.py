"""Which layers a question can be asked of: those with positions, on the way from the picture to the logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from deepdream.attribution.network_copies import open_network
from deepdream.errors import UsageError
from deepdream.models import Layer, Model
from deepdream.models.layers import hooked
from deepdream.tensors import generator

#: Of a transformer these give tokens as the residual stream has them; inside a block there are also queries and keys.
_STREAM = ("LayerNorm", "RMSNorm")


def find_layer(model: Model, name: str) -> Layer:
    """The spatial layer ``name``; ``auto`` is the last one whose positions change the logits.

    Raises:
        UnknownNameError: no such layer.
        UsageError: a layer without positions, or off the path to the logits, or no such layer for ``auto``.
    """
    if name != "auto":
        layer = model.layer(name)
        if not layer.spatial:
            why = layer.refusal or "its output has no axes of height and width with more than one position"
            raise UsageError(
                f"Layer {name!r} of {model.name} has no positions to map: {why}. {_advice(model)}"
            )
        if name not in _on_path(model):
            raise UsageError(
                f"The logits of {model.name} do not depend on layer {name!r}: it is on a side branch, or behind a "
                f"detach or torch.no_grad. {_advice(model)}"
            )
        return layer
    spatial = [layer for layer in model.layers.values() if layer.spatial]
    if not spatial:
        raise UsageError(f"{model.name} has no layer with a spatial output.")
    on_path = _on_path(model)
    # At the end of a vision transformer only the class token is used, so the gradient of the grid is zero there.
    candidates = [layer for layer in spatial if on_path.get(layer.name)]
    candidates = candidates or [layer for layer in spatial if layer.name in on_path]
    if not candidates:
        raise UsageError(
            f"The logits of {model.name} have no gradient at a layer with positions: a part of its forward pass runs "
            "under torch.no_grad or detach. Methods that only run the network, such as rise and occlusion, still work."
        )
    last = max(candidates, key=lambda layer: layer.depth)
    if last.axes is not None and last.axes.tokens:
        stream = [layer for layer in candidates if layer.kind in _STREAM or _has_parts(model, layer)]
        last = max(stream, key=lambda layer: layer.depth, default=last)
    return last


def _advice(model: Model) -> str:
    try:
        return f"The last layer that can be mapped is {find_layer(model, 'auto').name!r}; `deepdream layers` lists all."
    except UsageError:
        return "No other layer can be mapped either."


def _has_parts(model: Model, layer: Layer) -> bool:
    return any(True for _ in model.module.get_submodule(layer.name).children())


def _on_path(model: Model) -> dict[str, bool]:
    """The spatial layers with a gradient, by name: True where it is not zero at every position. Remembered."""
    if model not in _PATHS:
        _PATHS[model] = _gradients(model)
    return _PATHS[model]


def _gradients(model: Model) -> dict[str, bool]:
    network, outputs, counts = open_network(model), dict[str, Tensor](), dict[str, int]()
    layers = {layer.name: layer for layer in model.layers.values() if layer.spatial}

    def note(name: str, output: Tensor) -> None:
        counts[name] = counts.get(name, 0) + 1
        if counts[name] == layers[name].runs and output.requires_grad:
            outputs[name] = output

    size = model.preprocessing.size
    picture = torch.rand(1, model.channels, *size, generator=generator(0))

    def watch(name: str) -> Callable[[nn.Module, Any], None]:
        return lambda _, output: note(name, output)

    watchers = {network.get_submodule(name): watch(name) for name in layers}
    with torch.enable_grad(), hooked(watchers):
        # A copy goes in, for a network may write into its input.
        logits = network(model.normalize(picture).requires_grad_().clone())
    if not logits.requires_grad or not outputs:
        return {}
    # A random mixture: the plain sum of logits can have no gradient, as after a softmax.
    mixture = torch.randn(logits.shape, generator=generator(1)).to(logits)
    gradients = torch.autograd.grad((logits * mixture).sum(), list(outputs.values()), allow_unused=True)
    result = {}
    for (name, output), gradient in zip(outputs.items(), gradients, strict=True):
        axes = layers[name].axes
        if gradient is not None and axes is not None and gradient.shape == output.shape:
            result[name] = bool(axes.to_map(gradient, size).any())
    return result


_PATHS: WeakKeyDictionary[Model, dict[str, bool]] = WeakKeyDictionary()
