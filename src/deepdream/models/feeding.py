"""How a picture becomes what a network is fed with: normalized, or its middle cut out, and back again."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.errors import UsageError
from deepdream.models.records import Preprocessing

_LUMA = (0.299, 0.587, 0.114)


def in_channels(image: Tensor, channels: int, network: str) -> Tensor:
    """Float pictures (B, channels, H, W); RGB becomes gray for a network of one channel.

    Raises:
        UsageError: anything else; the text names the shape.
    """
    if image.dim() == 4 and image.is_floating_point():
        if image.shape[1] == channels:
            return image
        if channels == 1 and image.shape[1] == 3:
            # The luma of ITU-R BT.601, as Pillow and OpenCV turn RGB gray.
            return (image * image.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        if image.shape[1] == 3:
            raise UsageError(
                f"{network} takes {channels} channels and cannot be fed with RGB pictures. "
                f"Use it from Python, with tensors (B, {channels}, H, W)."
            )
    raise UsageError(
        f"A model takes float pictures (B, {channels}, H, W) in [0, 1], not {image.dtype} {tuple(image.shape)}."
    )


def normalized(image: Tensor, mean: Tensor, std: Tensor, *, channels_last: bool = True) -> Tensor:
    """(image - mean) / std; ``image`` is (B, C, H, W), ``mean`` and ``std`` are (1, C, 1, 1)."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    result: Tensor = _Normalization.apply(image, mean.to(image.dtype), std.to(image.dtype), layout)
    return result


class _Normalization(torch.autograd.Function):
    """(x - mean) / std; the arithmetic is done plane by plane, several times as fast there and back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mean: Tensor, std: Tensor, layout: torch.memory_format) -> Tensor:
        ctx.save_for_backward(std)
        return (x.contiguous() - mean).div_(std).contiguous(memory_format=layout)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (std,) = ctx.saved_tensors
        return gradients[0].contiguous() / std, None, None, None


def cropped(image: Tensor, plan: Preprocessing) -> Tensor:
    """The centered square or rectangle (B, C, height, width) in [0, 1] of (B, C, H, W), after resizing."""
    image = _middle(image)
    size, (top, left) = _crop_of(plan, *image.shape[-2:])
    resized = F.interpolate(image, size=size, mode=plan.interpolation, antialias=True, align_corners=False)
    height, width = plan.size
    return resized[..., top : top + height, left : left + width].clamp(0, 1)


def uncropped(values: Tensor, plan: Preprocessing, height: int, width: int) -> Tensor:
    """(B, C, H, W): ``values`` (B, C, h, w) of what ``cropped`` saw, in their place; zero around it."""
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
    """The size a picture is brought to, and the upper left corner of the square or rectangle in it."""
    # The smallest size that covers the window with its margin; of a square it is the shorter side that decides.
    # Rounded down, as torchvision and timm do, in whole numbers, since a float could lose a pixel.
    window_height, window_width = plan.size
    if height * window_width <= width * window_height:
        side, window = height, window_height
    else:
        side, window = width, window_width
    size = [
        max(least, length * plan.resize * window // (side * plan.crop))
        for length, least in ((height, window_height), (width, window_width))
    ]
    top, left = (round((length - least) / 2) for length, least in zip(size, plan.size, strict=True))
    return size, (top, left)


def _middle(image: Tensor, longest: int = 8) -> Tensor:
    """The middle of a strip longer than ``longest`` times its width; the rest is not looked at after the crop.

    A strip of 20000x3 pixels, its shorter side resized to 256, would take gigabytes.
    """
    for dim, other in ((2, 3), (3, 2)):
        spare = max(0, image.shape[dim] - longest * image.shape[other]) // 2
        image = image.narrow(dim, spare, image.shape[dim] - 2 * spare)
    return image


def channel_statistics(plan: Preprocessing, device: torch.device) -> tuple[Tensor, Tensor]:
    """The mean and the standard deviation of ``plan``, each (1, C, 1, 1), float32."""
    # Through float64, so that a decimal such as 0.485 is rounded once.
    both = torch.tensor([plan.mean, plan.std], dtype=torch.float64).to(device, torch.float32)
    return both[0].view(1, -1, 1, 1), both[1].view(1, -1, 1, 1)
