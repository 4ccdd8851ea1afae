"""What an objective is compared with, made at one size: guides, masks, the picture before the dream."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.algebra import INPUT, Need, Objective, as_map
from deepdream.ascent.gradients import blur
from deepdream.errors import UsageError

#: A guide is never looked at with more pixels than this: shallow layers have too many positions.
LARGEST_GUIDE = 512 * 512
_WIDEST_BLUR = 8.0  # pixels
References = Mapping[Need, Tensor]
Contents = Mapping[tuple[str, str], Tensor]


class Looking(Protocol):
    """What is needed of a network here."""

    def activations(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]: ...

    def minimum_size(self, layers: tuple[str, ...]) -> int: ...


def references_for(
    objective: Objective, network: Looking, contents: Contents, base: Callable[[], Tensor]
) -> dict[Need, Tensor]:
    """What every need of ``objective`` stands for at the size of the picture before the dream.

    Args:
        contents: What the files hold, as ``pin_files`` gives it.
        base: Gives that picture, (B, 3, h, w) in [0, 1]; not asked where nothing is needed.

    Raises:
        UsageError: a file was not read before, or a vector has not as many numbers as its layer has channels.
    """
    if not objective.needs:
        return {}
    picture = base()
    return {need: _made(need, network, contents, picture) for need in objective.needs}


def _made(need: Need, network: Looking, contents: Contents, base: Tensor) -> Tensor:
    height, width = base.shape[-2:]
    if need.role == "spot":
        return _spot(need, base)
    if need.source == INPUT:
        return _bank(base, network, need.layer, base) if need.role == "bank" else base
    key = (need.role if need.role != "bank" else "picture", need.source)
    if key not in contents:
        raise UsageError(f"The file {need.source[:60]!r} of the objective was not read.")
    content = contents[key].to(base)
    if need.role == "bank":
        return _bank(content, network, need.layer, base)
    if need.role == "mask":
        return _mask(content, need.numbers[0], height, width)
    return _cover(content, height, width) if need.role == "picture" else content


def _spot(need: Need, base: Tensor) -> Tensor:
    height, width = base.shape[-2:]
    y, x = need.numbers
    spot = base.new_zeros(1, 1, height, width)
    spot[..., min(int(y * height), height - 1), min(int(x * width), width - 1)] = 1
    return spot


def _mask(mask: Tensor, feather: float, height: int, width: int) -> Tensor:
    if feather:
        # Made soft at a size where the Gaussian is narrow: a wide one on a large mask takes seconds.
        shrunk = max(1.0, feather * max(height, width) / _WIDEST_BLUR)
        small = max(1, round(height / shrunk)), max(1, round(width / shrunk))
        mask = blur(_resized(mask, *small), max(0.3, feather * max(small)))
    return _resized(mask, height, width).clamp(0, 1)


def _cover(picture: Tensor, height: int, width: int) -> Tensor:
    """The middle of ``picture``, as large as fits the shape wanted, at that size."""
    rows, columns = picture.shape[-2:]
    scale = min(rows / height, columns / width)
    taken = [max(1, round(height * scale)), max(1, round(width * scale))]
    top, left = (rows - taken[0]) // 2, (columns - taken[1]) // 2
    return _resized(picture[..., top : top + taken[0], left : left + taken[1]], height, width)


def _bank(picture: Tensor, network: Looking, layer: str, base: Tensor) -> Tensor:
    """The guide's activations (positions, C), seen at about as many pixels as the dream has."""
    rows, columns = picture.shape[-2:]
    pixels = min(base.shape[-2] * base.shape[-1], LARGEST_GUIDE)
    scale = math.sqrt(pixels / (rows * columns))
    least = network.minimum_size((layer,))
    guide = _resized(picture, max(least, round(rows * scale)), max(least, round(columns * scale)))
    with torch.no_grad():
        activation = as_map(network.activations(guide, (layer,))[layer])
    return activation.movedim(1, -1).flatten(0, 2).contiguous()


def _resized(picture: Tensor, height: int, width: int) -> Tensor:
    size = (height, width)
    if picture.shape[-2:] == size:
        return picture
    return F.interpolate(picture, size=size, mode="bilinear", align_corners=False, antialias=True)
