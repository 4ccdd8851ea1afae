"""How a picture becomes what a network is fed with: normalized, or its middle square cut out, and back again."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.models.records import Preprocessing


def normalized(image: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(image - mean) / std, channels last; ``image`` is (B, 3, H, W), ``mean`` and ``std`` are (1, 3, 1, 1)."""
    found: Tensor = _Normalization.apply(image, mean.to(image.dtype), std.to(image.dtype))
    return found


class _Normalization(torch.autograd.Function):
    """(x - mean) / std, channels last; the arithmetic is done plane by plane, several times as fast there and back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        ctx.save_for_backward(std)
        return (x.contiguous() - mean).div_(std).contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (std,) = ctx.saved_tensors
        return gradients[0].contiguous() / std, None, None


def cropped(image: Tensor, plan: Preprocessing) -> Tensor:
    """The shorter side of (B, 3, H, W) resized, then a centered square (B, 3, crop, crop) in [0, 1]."""
    image = _middle(image)
    size, (top, left) = _crop_of(plan, *image.shape[-2:])
    resized = F.interpolate(image, size=size, mode=plan.interpolation, antialias=True, align_corners=False)
    return resized[..., top : top + plan.crop, left : left + plan.crop].clamp(0, 1)


def uncropped(values: Tensor, plan: Preprocessing, height: int, width: int) -> Tensor:
    """(B, C, H, W): ``values`` (B, C, crop, crop) of what ``cropped`` saw, in their place; zero around it."""
    seen = _middle(values.new_empty(1, 1, height, width, device="meta")).shape[-2:]
    size, (top, left) = _crop_of(plan, *seen)
    down, right = (whole - start - part for whole, start, part in
                   zip(size, (top, left), values.shape[-2:], strict=True))  # fmt: skip
    laid = F.interpolate(
        F.pad(values, (left, right, top, down)),
        size=seen,
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )
    above, before = (height - seen[0]) // 2, (width - seen[1]) // 2
    return F.pad(laid, (before, width - seen[1] - before, above, height - seen[0] - above))


def _crop_of(plan: Preprocessing, height: int, width: int) -> tuple[list[int], tuple[int, int]]:
    """The size a picture is brought to, and the upper left corner of the square in it."""
    # Rounded down, as torchvision and timm do.
    size = [max(plan.crop, side * plan.resize // min(height, width)) for side in (height, width)]
    top, left = (round((side - plan.crop) / 2) for side in size)
    return size, (top, left)


def _middle(image: Tensor, longest: int = 8) -> Tensor:
    """The middle of a strip longer than ``longest`` times its width; the rest is not looked at after the crop.

    A strip of 20000x3 pixels, its shorter side resized to 256, would take gigabytes.
    """
    for dim, other in ((2, 3), (3, 2)):
        spare = max(0, image.shape[dim] - longest * image.shape[other]) // 2
        image = image.narrow(dim, spare, image.shape[dim] - 2 * spare)
    return image


def statistics(plan: Preprocessing, device: torch.device) -> tuple[Tensor, Tensor]:
    """The mean and the standard deviation of ``plan``, each (1, 3, 1, 1), float32."""
    # Through float64, so that a decimal such as 0.485 is rounded once.
    both = torch.tensor([plan.mean, plan.std], dtype=torch.float64).to(device, torch.float32)
    return both[0].view(1, 3, 1, 1), both[1].view(1, 3, 1, 1)
