"""What ``Model.wrap`` makes of the caller's module and words."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from deepdream.errors import UnknownNameError
from deepdream.models.adapters import adapted, unwrapped
from deepdream.models.class_names import check_label_count, class_labels
from deepdream.models.copies import copied
from deepdream.models.feeding import channel_statistics, normalized
from deepdream.models.layers import evaluating
from deepdream.models.random_weights import own_randomness
from deepdream.models.records import Preprocessing, per_channel
from deepdream.models.trial import tried
from deepdream.tensors import generator

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
    name = name or type(inner).__name__
    weight = next((value for value in inner.parameters() if value.is_floating_point()), torch.zeros(1))
    device, dtype = weight.device, weight.dtype
    if dtype in (torch.float16, torch.bfloat16):  # half precision is a choice of its own: Model.in_precision
        inner, dtype = copied(inner).float(), torch.float32
    height, width = (input_size, input_size) if isinstance(input_size, int) else input_size
    pictures = torch.rand(2, channels, height, width, generator=generator(0))
    pictures = pictures.to(device, dtype)
    inner = with_shapes(inner, pictures, extra)
    network = inner
    if extra or output is not None:
        network = adapted(
            inner, extra=[v.to(device) if isinstance(v, Tensor) else v for v in extra], output=output
        )
    shorter = min(height, width)
    plan = Preprocessing(
        per_channel(mean, channels),
        per_channel(std, channels),
        resize=round(shorter * 8 / 7),
        crop=shorter,
        fixed=fixed,
        rectangle=None if height == width else (height, width),
    )
    names = class_labels(labels)
    # Contiguous, as in plain torch: whether another layout works is a question of its own.
    fed = normalized(pictures, *channel_statistics(plan, device), channels_last=False)
    trial = tried(network, fed, name=name, labels=names)
    notes: tuple[str, ...] = ()
    if trial.resizable is False and not fixed:
        plan = replace(plan, fixed=True)
        notes += (f"takes no other size than {width}x{height}",)
    if trial.logits is not None:
        check_label_count(names, trial.logits.shape[1], name)
    return {
        "module": trial.module,
        "name": name,
        "preprocessing": plan,
        "labels": names,
        "device": device,
        "channels": channels,
        "kind": kind or "softmax",
        "notes": notes,
    }


def with_shapes(module: nn.Module, pictures: Tensor, extra: Sequence[Any] = ()) -> nn.Module:
    """``module``; a copy of one with lazy layers, whose shapes and seeded weights one pass decides."""
    if not any(is_lazy(value) for value in (*module.parameters(), *module.buffers())):
        return module
    twin = copied(module)
    # Where the pass fails, its error is raised at the first use, with its line.
    with own_randomness(0), torch.no_grad(), evaluating(twin), suppress(Exception):
        twin(pictures, *extra)
    return twin
