"""What an objective is compared with, made at one size: guides, masks, the picture before the dream."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.algebra import Objective
from deepdream.ascent.gradient_filters import blur
from deepdream.ascent.term_inputs import INPUT, Reference, as_map
from deepdream.errors import UsageError

#: Most pixels of a guide: shallow layers have a position for every few pixels, and each is compared with all.
LARGEST_GUIDE = 512 * 512
_WIDEST_BLUR = 8.0  # pixels
References = Mapping[Reference, Tensor]
Contents = Mapping[tuple[str, str], Tensor]


class NetworkReader(Protocol):
    """What the ascent needs of a network; ``deepdream.models.Model`` is one."""

    def activations(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]: ...

    def minimum_size(self, layers: tuple[str, ...]) -> int: ...

    def positions(self, layer: str, height: int, width: int) -> int: ...


def references_for(
    objective: Objective, network: NetworkReader, contents: Contents, base: Callable[[], Tensor]
) -> dict[Reference, Tensor]:
    """The tensor of every reference of ``objective``, at the size of the picture before the dream.

    Args:
        contents: What the files hold, as ``pin_files`` gives it.
        base: Gives that picture, (B, 3, h, w) in [0, 1]; not called where there are no references.

    Raises:
        UsageError: a file was not read before, or a vector has not as many numbers as its layer has channels.
    """
    if not objective.references:
        return {}
    picture = base()
    return {
        reference: _tensor_of(reference, network, contents, picture) for reference in objective.references
    }


def _tensor_of(reference: Reference, network: NetworkReader, contents: Contents, base: Tensor) -> Tensor:
    height, width = base.shape[-2:]
    if reference.role == "spot":
        return _spot(reference, base)
    if reference.source == INPUT:
        return _bank(base, network, reference.layer, base) if reference.role == "bank" else base
    key = (reference.role if reference.role != "bank" else "picture", reference.source)
    if key not in contents:
        raise UsageError(f"The file {reference.source[:60]!r} of the objective was not read.")
    content = contents[key].to(base)
    if reference.role == "bank":
        return _bank(content, network, reference.layer, base)
    if reference.role == "mask":
        return _mask(content, reference.numbers[0], height, width)
    return _cover(content, height, width) if reference.role == "picture" else content


def _spot(reference: Reference, base: Tensor) -> Tensor:
    height, width = base.shape[-2:]
    y, x = reference.numbers
    spot = base.new_zeros(1, 1, height, width)
    # 1.0 is the last pixel, not one beyond it.
    spot[..., min(int(y * height), height - 1), min(int(x * width), width - 1)] = 1
    return spot


def _mask(mask: Tensor, feather: float, height: int, width: int) -> Tensor:
    if feather:
        # Blurred at a size where the Gaussian is narrow: a wide one on a large mask takes seconds.
        shrunk = max(1.0, feather * max(height, width) / _WIDEST_BLUR)
        small = max(1, round(height / shrunk)), max(1, round(width / shrunk))
        mask = blur(_resized(mask, *small), max(0.3, feather * max(small)))
    return _resized(mask, height, width).clamp(0, 1)


def _cover(picture: Tensor, height: int, width: int) -> Tensor:
    """The middle of ``picture``, as large as fits the shape wanted, at that size."""
    rows, columns = picture.shape[-2:]
    scale = min(rows / height, columns / width)
    part = [max(1, round(height * scale)), max(1, round(width * scale))]
    top, left = (rows - part[0]) // 2, (columns - part[1]) // 2
    return _resized(picture[..., top : top + part[0], left : left + part[1]], height, width)


def _bank(picture: Tensor, network: NetworkReader, layer: str, base: Tensor) -> Tensor:
    """The guide's activations (positions, C), at about as many pixels as the dream has."""
    rows, columns = picture.shape[-2:]
    # Forms of a guide are followed at the scale at which the network sees them, so both sizes must be alike.
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
