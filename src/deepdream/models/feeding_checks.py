"""Means and standard deviations that cannot be right, or are likely to be wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.errors import UsageError
from deepdream.models.copies import unchanged
from deepdream.models.feeding import channel_statistics, in_channels, normalized
from deepdream.models.records import Preprocessing
from deepdream.tensors import generator

#: ImageNet's means and standard deviations in the order red, green, blue; Caffe's means are 255 times these.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
#: Normalized values beyond this are unusual: the usual ones are within -3 and 3.
_FAR = 10.0
#: Values of which one is this many times as wide as the other are not of the same kind of input. Photographs with the
#: right statistics are within 1.4 on the embedded networks, with ImageNet's instead of 0.5 and 0.5 within 2.3.
_WIDER = 5.0


class FeedingWarning(UserWarning):
    """Something about how a network is fed is likely to be wrong."""


def channel_numbers(values: Any, channels: int, name: str) -> tuple[float, ...]:
    """One number for each channel of ``mean`` or ``std``; one number alone is used for all.

    Raises:
        UsageError: another count of numbers, or no numbers.
    """
    try:
        numbers = [float(value) for value in (values if isinstance(values, Sequence) else list(values))]
    except TypeError:
        numbers = [float(values)] if isinstance(values, (int, float)) else []
    except ValueError:
        numbers = []
    if len(numbers) not in (1, channels) or not all(map(math.isfinite, numbers)):
        raise UsageError(f"{name}={values!r:.80} must be one number, or {channels}: one for each channel.")
    if name == "std" and min(numbers) <= 0:
        raise UsageError(f"std={values!r:.80} must be above 0: pictures are divided by it.")
    return tuple(numbers * channels if len(numbers) == 1 else numbers)


def check_statistics(plan: Preprocessing) -> tuple[str, ...]:
    """What is likely to be wrong with ``mean`` and ``std``, one sentence each.

    Raises:
        UsageError: they are for pictures in 0 to 255, while pictures here are in [0, 1].
    """
    mean, std = plan.mean, plan.std
    if len(mean) not in (1, 3):  # other channels than colors may have any range
        return ()
    if max(mean) > 1 or max(std) > _FAR:
        right = f"mean={_rounded(mean)}, std={_rounded(std)}" if max(mean) > 1 else f"std={_rounded(std)}"
        if max(std) <= 1.5:  # Caffe's networks take 0 to 255 with the mean subtracted
            right = f"mean={_rounded(mean)}, std=(1 / 255,)"
        raise UsageError(
            f"mean and std are for pictures in [0, 1], and these are for 0 to 255: write {right}.{_bgr(mean, 255)}"
        )
    notes = []
    if _near(mean, _IMAGENET[0][::-1]):
        notes.append("mean and std are ImageNet's" + _bgr(mean, 1))
    if min(mean) < 0:
        notes.append(f"mean={_rounded(mean, 1)} is below 0, and it is subtracted: pictures are in [0, 1]")
    largest = max(max(abs(m), abs(1 - m)) / s for m, s in zip(mean, std, strict=True))
    if largest > _FAR:
        notes.append(
            f"normalized pictures reach {largest:.0f}, and most networks are trained on -3 to 3. This is right only "
            "for a network that was trained on 0 to 255"
        )
    return tuple(notes)


def _bgr(mean: Sequence[float], scale: float) -> str:
    """A sentence about the order of colors, where the means are ImageNet's in the order blue, green, red."""
    if not _near([value / scale for value in mean], _IMAGENET[0][::-1]):
        return ""
    return (
        " in the order blue, green, red (BGR), and pictures are RGB: reverse both. For a network that takes BGR, "
        "flip the channels in a wrapper: docs/own-networks.md"
    )


def _near(values: Sequence[float], others: Sequence[float]) -> bool:
    """Within what Caffe's rounded means differ from ImageNet's."""
    return len(values) == len(others) and all(abs(a - b) < 0.004 for a, b in zip(values, others, strict=True))


def _rounded(values: Sequence[float], divisor: float = 255) -> tuple[float, ...]:
    return tuple(round(value / divisor if value > 1 else value, 4) for value in values)


def check_first_norm(module: nn.Module, plan: Preprocessing, channels: int) -> tuple[str, ...]:
    """Whether the first batch norm sees what it saw in training, on eight pictures with the statistics of photographs.

    A batch norm without statistics (untrained) says nothing, and so does a network without one.
    """
    if channels not in (1, 3):
        return ()
    device = next((value.device for value in module.parameters()), torch.device("cpu"))
    pictures = in_channels(likely_pictures(8, *plan.size).to(device), channels, "")
    fed = normalized(pictures, *channel_statistics(plan, device), channels_last=False)
    norm_and_input = _first_norm(module, fed)
    if norm_and_input is None:
        return ()
    norm, values = norm_and_input
    expected = _variances_in_training(norm)
    alive = expected > 1e-4 * expected.median().clamp_min(1e-12)  # dead channels would divide by zero
    variances = values.float().var(dim=(0, 2, 3))[alive].clamp_min(1e-12)
    width = float((variances / expected[alive]).log().median().div(2).exp())
    if not alive.any() or 1 / _WIDER <= width <= _WIDER:
        return ()
    hint = ""
    if 1 / 600 < width < 1 / 50:
        hint = ". Was it trained on 0 to 255?"
    elif 50 < width < 600:
        hint = ". Are mean and std for 0 to 255?"
    return (
        f"its first batch norm sees values {width:.3g} times as wide as in training: mean and std are likely not "
        f"those of the training{hint}",
    )


def _variances_in_training(norm: nn.BatchNorm2d) -> Tensor:
    """(C,), the variances of the training's batches: the running ones without the 1 that they began with."""
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    start = 0.0 if norm.momentum is None else (1 - norm.momentum) ** int(norm.num_batches_tracked)
    return (norm.running_var.float() - start) / max(1 - start, 1e-6)


def _first_norm(module: nn.Module, fed: Tensor) -> tuple[nn.BatchNorm2d, Tensor] | None:
    """The trained batch norm that runs first, and what goes into it."""
    inputs: list[tuple[nn.BatchNorm2d, Tensor]] = []

    class Reached(Exception):  # noqa: N818 - ends the pass where enough is known
        pass

    def entering(norm: nn.Module, values: tuple[Any, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        inputs.append((norm, values[0]))
        raise Reached

    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d) and _is_trained(part)]
    handles = [norm.register_forward_pre_hook(entering) for norm in norms]
    try:
        # A network that fails says so at its first use.
        with torch.no_grad(), unchanged(module), suppress(Exception):
            module(fed)
    finally:
        for handle in handles:
            handle.remove()
    return inputs[0] if inputs and inputs[0][1].dim() == 4 else None


def _is_trained(norm: nn.BatchNorm2d) -> bool:
    """Whether it has counted batches in training; files older than 2018 have no count, and say nothing."""
    if norm.running_var is None or norm.running_var.is_meta or norm.num_batches_tracked is None:
        return False
    return int(norm.num_batches_tracked) > 0


def likely_pictures(count: int, height: int, width: int) -> Tensor:
    """(count, 3, height, width) in [0, 1]: seeded noise with the mean, contrast and spectrum (1 / f) of photographs."""
    rng = generator(0)
    frequency = (torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.rfftfreq(width)[None] ** 2).sqrt()
    amplitude = 1 / frequency.clamp_min(1 / max(height, width))
    shape = (count, 4, *amplitude.shape)
    noise = torch.fft.irfft2(
        torch.randn(shape, dtype=torch.complex64, generator=rng, device="cpu") * amplitude, s=(height, width)
    )
    noise = noise / noise.std()
    # Mostly one brightness for all colors, as in photographs.
    mixed = noise[:, :1] + 0.35 * noise[:, 1:]
    brightness = 0.1 * torch.randn(count, 1, 1, 1, generator=rng, device="cpu")
    mean = torch.tensor(_IMAGENET[0]).view(1, 3, 1, 1)
    pictures: Tensor = (mean + 0.25 * mixed / mixed.std() + brightness).clamp(0, 1)
    return pictures
