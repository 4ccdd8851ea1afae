"""Which pictures a user's network takes, where it does not say so: channels and sizes are tried."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from deepdream.models.network import Model
from deepdream.models.trial import tried

#: Sides in pixels that networks are trained with: ImageNet's, MNIST's, CIFAR's, and others.
_SIDES = (224, 28, 32, 64, 96, 128, 160, 192, 256, 299, 384, 48, 227, 512)


def wrapped_by_trial(module: nn.Module, name: str) -> Model:
    """``Model.wrap(module)``, with the number of channels and the size that work where RGB of 224x224 do not."""
    model = Model.wrap(module, name=name)
    works = working_input(model.module)
    if works is None or works == (3, 224):
        return model
    channels, side = works
    model = Model.wrap(module, name=name, channels=channels, input_size=side)
    text = f"found by trying: it takes {channels} channels, {side}x{side}"
    return replace(model, notes=(text, *model.notes))


def working_input(module: nn.Module) -> tuple[int, int] | None:
    """The first number of channels and side in pixels for which ``module`` gives logits; None where none does."""
    device = next((value.device for value in module.parameters()), torch.device("cpu"))
    if device.type == "meta":
        return None
    for channels, side in _candidates(module):
        example = torch.zeros(2, channels, side, side, device=device)
        if tried(module, example, name="").logits is not None:
            return channels, side
    return None


def _candidates(module: nn.Module) -> Iterator[tuple[int, int]]:
    """Channels and sides, the most usual first, as far as the first layer with weights allows them."""
    first = next((part for part in module.modules() if isinstance(part, (nn.Conv2d, nn.Linear))), None)
    if isinstance(first, nn.Linear):
        for channels in (3, 1):
            side = math.isqrt(first.in_features // channels)
            if channels * side * side == first.in_features:
                yield channels, side
    channels = first.in_channels if isinstance(first, nn.Conv2d) else 3
    yield from ((channels, side) for side in _SIDES)
