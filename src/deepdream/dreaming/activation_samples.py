"""Activations taken from many pictures through crops, each with the place it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from deepdream.errors import UsageError
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.tensors import generator

_PLACES = 16  # taken from one crop
_PATCH = 48  # pixels of what is shown of a place
_SHARE = 0.4  # of a crop's side, around the place
_BATCH = 8


@dataclass(frozen=True, eq=False)
class ActivationSamples:
    """Activations and where they come from.

    Attributes:
        layer: Its name.
        activations: (N, C), on the CPU.
        patches: uint8 (N, 48, 48, 3): what stood around each place.
        pictures: (N,) number of the picture of each.
        crops: (N,) number of the crop of each.
        probabilities: (crops, classes): what the network said of each crop.
    """

    layer: str
    activations: Tensor
    patches: NDArray[np.uint8]
    pictures: NDArray[np.int64]
    crops: Tensor
    probabilities: Tensor


def check_places(model: Model, layer: str) -> None:
    """Raises UsageError for a layer that gives only one vector for a picture."""
    if not model.layer(layer).spatial:
        raise UsageError(f"{layer} has no places, only one vector for the picture. Choose a spatial layer.")


def crops_needed(pictures: int, count: int) -> int:
    """Crops of each picture for ``count`` activations in all, up to 16 from one crop."""
    return max(1, math.ceil(count / pictures / _PLACES))


def sample(
    model: Model,
    pictures: Iterable[Picture],
    layer: str,
    *,
    total: int,
    count: int = 2000,
    seed: int = 0,
    watch: Callable[[int], None] = lambda _: None,
) -> ActivationSamples:
    """About ``count`` activations at ``layer`` from random square crops of ``pictures``, of which there are ``total``.

    Crops have sides of 0.3 to 1 of the shorter side and are seen at the network's own input size; so a handful of
    pictures gives many different views. The same seed takes the same places. One picture at a time is in memory.

    Raises:
        UsageError: a layer without places.
    """
    check_places(model, layer)
    rng = generator(seed)
    each = crops_needed(total, count)
    places = min(_PLACES, math.ceil(count / total / each))
    parts: list[tuple[Tensor, NDArray[np.uint8], Tensor]] = []
    numbers: list[int] = []
    for number, picture in enumerate(pictures):
        views = _crops(picture.tensor(), each, model.preprocessing.crop, rng)
        for first in range(0, each, _BATCH):
            parts.append(_take(model, views[first : first + _BATCH], layer, places, rng))
            numbers += [number] * len(parts[-1][0])
        watch(number + 1)
    if not parts:
        raise UsageError("An atlas needs at least one picture that can be read.")
    per_crop = [len(values) // len(probabilities) for values, _, probabilities in parts]
    sizes = [n for n, part in zip(per_crop, parts, strict=True) for _ in range(len(part[2]))]
    return ActivationSamples(
        layer,
        torch.cat([values for values, _, _ in parts]),
        np.concatenate([patches for _, patches, _ in parts]),
        np.array(numbers),
        torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)),
        torch.cat([probabilities for _, _, probabilities in parts]),
    )


def _crops(image: Tensor, count: int, side: int, rng: torch.Generator) -> Tensor:
    """(count, 3, side, side): random squares of one picture (1, 3, H, W)."""
    height, width = image.shape[-2:]
    views = []
    for share, down, right in torch.rand(count, 3, generator=rng).tolist():
        edge = max(1, round((0.3 + 0.7 * share) * min(height, width)))
        top, left = int(down * (height - edge + 1)), int(right * (width - edge + 1))
        square = image[..., top : top + edge, left : left + edge]
        views.append(F.interpolate(square, (side, side), mode="bicubic", antialias=True).clamp(0, 1))
    return torch.cat(views)


def _take(
    model: Model, views: Tensor, layer: str, places: int, rng: torch.Generator
) -> tuple[Tensor, NDArray[np.uint8], Tensor]:
    """Activations at random places of each view, the patches around them, and what the views were seen as."""
    with torch.no_grad():
        found = model.activations(views, [layer, "logits"])
    maps, probabilities = found[layer].float().cpu(), found["logits"].float().cpu().softmax(dim=1)
    height, width = maps.shape[-2:]
    values, patches = [], []
    for view, activation in zip(views, maps, strict=True):
        for place in torch.randperm(height * width, generator=rng)[:places].tolist():
            y, x = divmod(place, width)
            values.append(activation[:, y, x])
            patches.append(_patch(view, (y + 0.5) / height, (x + 0.5) / width))
    return torch.stack(values), np.stack(patches), probabilities


def _patch(view: Tensor, down: float, right: float) -> NDArray[np.uint8]:
    """What stands around a place of ``view`` (3, side, side), shifted to lie inside."""
    side = view.shape[-1]
    edge = max(1, round(_SHARE * side))
    top, left = (min(max(0, round(share * side - edge / 2)), side - edge) for share in (down, right))
    square = view[None, :, top : top + edge, left : left + edge].cpu()
    small = F.interpolate(square, (_PATCH, _PATCH), mode="bilinear", antialias=True)[0]
    found: NDArray[np.uint8] = (small.permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return found
