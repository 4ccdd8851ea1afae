"""What ``Model.wrap`` makes of the caller's module and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from deepdream.errors import UnknownNameError
from deepdream.models.adapters import adapted, unwrapped
from deepdream.models.records import Preprocessing, per_channel

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What the outputs of a network mean: one of several classes, classes by themselves, or quantities.
KINDS = ("softmax", "sigmoid", "regression")


def fields_of(
    module: nn.Module,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    labels: Sequence[str],
    name: str,
    input_size: int | tuple[int, int],
    fixed: bool,
    channels: int,
    extra: Sequence[Any],
    output: Any,
    kind: str | None,
) -> dict[str, Any]:
    """The fields of the Model, from the arguments of ``Model.wrap``.

    Raises:
        UnknownNameError: no such kind.
        UsageError: an argument that cannot be right; the text says what to write instead.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownNameError("kind of output", kind, KINDS)
    inner = unwrapped(module)
    device = next((parameter.device for parameter in inner.parameters()), torch.device("cpu"))
    if extra or output is not None:
        network = adapted(inner, [v.to(device) if isinstance(v, torch.Tensor) else v for v in extra], output)
    else:
        network = inner
    height, width = (input_size, input_size) if isinstance(input_size, int) else input_size
    shorter = min(height, width)
    return {
        "module": network,
        "name": name or type(inner).__name__,
        "preprocessing": Preprocessing(
            per_channel(mean, channels),
            per_channel(std, channels),
            resize=round(shorter * 8 / 7),
            crop=shorter,
            fixed=fixed,
            rectangle=None if height == width else (height, width),
        ),
        "labels": tuple(labels),
        "device": device,
        "channels": channels,
        "kind": kind or "softmax",
    }
