"""Copies of a network that a method may read, hook or differentiate; the network itself stays as it is."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import torch
from torch import nn

from deepdream.models import Model
from deepdream.models.copies import copied, evaluation_copy


def in_float32(model: Model) -> Model:
    """The model itself, or a float32 copy of one whose weights have another type (made once)."""
    floating = {p.dtype for p in model.module.parameters() if p.is_floating_point()}
    if floating <= {torch.float32}:
        return model
    if model not in _FLOAT32:
        _FLOAT32[model] = replace(model, module=copied(model.module).float())
    return _FLOAT32[model]


def open_network(model: Model) -> nn.Module:
    """A frozen copy whose every layer gives its own output: no batch norm folded, nothing in place (made once)."""
    if model not in _OPEN:
        _OPEN[model] = frozen_copy(model)
    return _OPEN[model]


def frozen_copy(model: Model) -> nn.Module:
    """A copy for evaluation in which nothing is trained and nothing is written in place."""
    twin = evaluation_copy(model.module)
    for part in twin.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
    layout = torch.channels_last if model.uses_channels_last else torch.contiguous_format
    return twin.to(memory_format=layout)


# Keyed weakly: a copy is as large as its network and must not outlive it.
_FLOAT32: WeakKeyDictionary[Model, Model] = WeakKeyDictionary()
_OPEN: WeakKeyDictionary[Model, nn.Module] = WeakKeyDictionary()
