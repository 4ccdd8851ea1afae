"""What ``Model.wrap`` makes of the caller's module and words."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from deepdream.errors import UnknownNameError, UsageError
from deepdream.models.adapters import WRAPPER, adapted, unwrapped
from deepdream.models.class_names import check_label_count, class_labels
from deepdream.models.copies import copied
from deepdream.models.feeding import channel_statistics, normalized
from deepdream.models.feeding_checks import (
    FeedingWarning,
    channel_numbers,
    check_statistics,
)
from deepdream.models.layers import evaluating
from deepdream.models.memory_layout import CONTIGUOUS, runs_channels_last
from deepdream.models.random_weights import own_randomness
from deepdream.models.records import Preprocessing
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
    extra: Any,
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
    if not isinstance(module, nn.Module):
        raise UsageError(f"Model.wrap takes a torch.nn.Module, not {type(module).__name__}. {WRAPPER}")
    plan = _preprocessing(mean, std, input_size, fixed=fixed, channels=channels)
    names = class_labels(labels)
    inner = unwrapped(module)
    name = name or type(inner).__name__
    weight = next((value for value in inner.parameters() if value.is_floating_point()), torch.zeros(1))
    device, dtype = weight.device, weight.dtype
    if dtype in (torch.float16, torch.bfloat16):  # half precision is a choice of its own: Model.in_precision
        inner, dtype = copied(inner).float(), torch.float32
    values = [extra] if isinstance(extra, Tensor) else list(extra)
    values = [value.to(device) if isinstance(value, Tensor) else value for value in values]
    pictures = torch.rand(2, channels, *plan.size, generator=generator(0), device="cpu").to(device, dtype)
    network = with_shapes(inner, pictures, values)
    if values or output is not None:
        network = adapted(network, extra=values, output=output)
    # Contiguous, as in plain torch: whether another layout works is a question of its own.
    fed = normalized(pictures, *channel_statistics(plan, device), channels_last=False)
    trial = tried(network, fed, name=name, labels=names)
    if trial.logits is not None:
        check_label_count(names, trial.logits.shape[1], name)
    notes = check_statistics(plan)
    for text in notes:
        warnings.warn(f"{name}: {text}.", FeedingWarning, stacklevel=3)
    if trial.resizable is False and not fixed:
        plan = replace(plan, fixed=True)
        notes += (f"takes no other size than {plan.size[1]}x{plan.size[0]}",)
    tried_fully = trial.logits is not None and device.type != "meta"
    layout = runs_channels_last(trial.module, fed) if tried_fully else None
    if layout is False:
        notes += (CONTIGUOUS,)
    return {
        "module": trial.module,
        "name": name,
        "preprocessing": plan,
        "labels": names,
        "device": device,
        "channels": channels,
        "kind": kind or "softmax",
        "notes": notes,
        "channels_last": layout,
    }


def _preprocessing(mean: Any, std: Any, input_size: Any, *, fixed: bool, channels: int) -> Preprocessing:
    if not isinstance(channels, int) or channels < 1:
        raise UsageError(f"channels={channels!r} must be a whole number, at least 1.")
    sides = (input_size, input_size) if isinstance(input_size, int) else tuple(input_size)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UsageError(f"input_size={input_size!r} must be a side in pixels, or (height, width).")
    shorter = min(sides)
    return Preprocessing(
        channel_numbers(mean, channels, "mean"),
        channel_numbers(std, channels, "std"),
        resize=round(shorter * 8 / 7),
        crop=shorter,
        fixed=fixed,
        rectangle=None if sides[0] == sides[1] else sides,
    )


def with_shapes(module: nn.Module, pictures: Tensor, extra: Sequence[Any] = ()) -> nn.Module:
    """``module``; a copy of one with lazy layers, whose shapes and seeded weights one pass decides."""
    if not any(is_lazy(value) for value in (*module.parameters(), *module.buffers())):
        return module
    twin = copied(module)
    # Where the pass fails, its error is raised at the first use, with its line.
    with own_randomness(0), torch.no_grad(), evaluating(twin), suppress(Exception):
        twin(pictures, *extra)
    return twin
