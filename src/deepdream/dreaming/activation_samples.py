"""Activations taken from many pictures through crops, each with the position it comes from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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

_POSITIONS = 16  # taken from one crop
_PATCH = 48  # pixels of what is shown of a place
_SHARE = 0.4  # of a crop's side, around the place
_BATCH = 8


@dataclass(frozen=True, eq=False)
class ActivationSamples:
    """Activations and where they come from.

    Attributes:
        layer: Its name.
        activations: (N, C), on the CPU.
        patches: uint8 (N, 48, 48, 3): what stood around each position.
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

    def to_tensors(self) -> dict[str, Tensor]:
        """Everything but the layer's name, as tensors that can be stored."""
        return {
            "activations": self.activations.contiguous(),
            "patches": torch.from_numpy(self.patches).contiguous(),
            "pictures": torch.from_numpy(self.pictures),
            "crops": self.crops,
            "probabilities": self.probabilities.contiguous(),
        }

    @classmethod
    def from_tensors(cls, layer: str, tensors: Mapping[str, Tensor]) -> ActivationSamples:
        """The inverse of ``to_tensors``."""
        arrays = {name: tensors[name].numpy() for name in ("patches", "pictures")}
        return cls(layer, **{**tensors, **arrays})  # type: ignore[arg-type]


def check_spatial(model: Model, layer: str) -> None:
    """Raises UsageError for a layer that gives only one vector for a picture."""
    if not model.layer(layer).spatial:
        raise UsageError(f"{layer} has no places, only one vector for the picture. Choose a spatial layer.")


def crops_needed(pictures: int, count: int) -> int:
    """Crops of each picture for ``count`` activations in all, up to 16 from one crop."""
    return max(1, math.ceil(count / pictures / _POSITIONS))


def sample(
    model: Model,
    pictures: Iterable[Picture],
    layer: str,
    *,
    total: int,
    count: int = 2000,
    seed: int = 0,
) -> ActivationSamples:
    """About ``count`` activations at ``layer`` from random square crops of ``pictures``, of which there are ``total``.

    Crops have sides of 0.3 to 1 of the shorter side and are resized to the network's own input size; so a handful of
    pictures gives many different views. The same seed takes the same positions. One picture at a time is in memory.

    Raises:
        UsageError: a layer without positions.
    """
    check_spatial(model, layer)
    return join_samples(
        [
            sample_picture(model, picture, layer, total=total, count=count, seed=seed, index=index)
            for index, picture in enumerate(pictures)
        ]
    )


def sample_picture(
    model: Model, picture: Picture, layer: str, *, total: int, count: int, seed: int, index: int
) -> ActivationSamples:
    """The part of ``sample`` that comes from one picture, the one of number ``index`` among ``total``.

    Its crops depend on ``seed`` and ``index`` alone, so pictures can be sampled in any order and in any process.
    """
    rng = generator(int(np.random.SeedSequence([seed, index]).generate_state(1)[0]))
    crops = crops_needed(total, count)
    positions = min(_POSITIONS, math.ceil(count / total / crops))
    views = _crops(picture.tensor(), crops, model.preprocessing.size, rng)
    activations, patches, probabilities = [], [], []
    for first in range(0, crops, _BATCH):
        values, around, predicted = _take(model, views[first : first + _BATCH], layer, positions, rng)
        activations.append(values)
        patches.append(around)
        probabilities.append(predicted)
    number = sum(map(len, activations))
    return ActivationSamples(
        layer,
        torch.cat(activations),
        np.concatenate(patches),
        np.full(number, index),
        torch.arange(crops).repeat_interleave(number // crops),
        torch.cat(probabilities),
    )


def join_samples(parts: Sequence[ActivationSamples]) -> ActivationSamples:
    """The activations of several pictures of one layer. Raises UsageError: there are none."""
    if not parts:
        raise UsageError("An atlas needs at least one picture that can be read.")
    crops = [0, *np.cumsum([len(part.probabilities) for part in parts]).tolist()]
    return ActivationSamples(
        parts[0].layer,
        torch.cat([part.activations for part in parts]),
        np.concatenate([part.patches for part in parts]),
        np.concatenate([part.pictures for part in parts]),
        torch.cat([part.crops + before for part, before in zip(parts, crops, strict=False)]),
        torch.cat([part.probabilities for part in parts]),
    )


def _crops(image: Tensor, count: int, size: tuple[int, int], rng: torch.Generator) -> Tensor:
    """(count, 3, *size): random squares of one picture (1, 3, H, W), or rectangles for a network that takes these."""
    height, width = image.shape[-2:]
    views = []
    for share, down, right in torch.rand(count, 3, generator=rng).tolist():
        scale = 0.3 + 0.7 * share
        rows = max(1, round(scale * min(height, width * size[0] / size[1])))
        columns = max(1, round(scale * min(width, height * size[1] / size[0])))
        top, left = int(down * (height - rows + 1)), int(right * (width - columns + 1))
        view = image[..., top : top + rows, left : left + columns]
        views.append(F.interpolate(view, size, mode="bicubic", antialias=True).clamp(0, 1))
    return torch.cat(views)


def _take(
    model: Model, views: Tensor, layer: str, positions: int, rng: torch.Generator
) -> tuple[Tensor, NDArray[np.uint8], Tensor]:
    """Activations at random positions of each view, the patches around them, and the views' probabilities."""
    with torch.no_grad():
        outputs = model.activations(views, [layer, "logits"])
    maps, probabilities = outputs[layer].float().cpu(), model.answers(outputs["logits"]).float().cpu()
    height, width = maps.shape[-2:]
    values, patches = [], []
    for view, activation in zip(views, maps, strict=True):
        for position in torch.randperm(height * width, generator=rng)[:positions].tolist():
            y, x = divmod(position, width)
            values.append(activation[:, y, x])
            patches.append(_patch(view, (y + 0.5) / height, (x + 0.5) / width))
    return torch.stack(values), np.stack(patches), probabilities


def _patch(view: Tensor, down: float, right: float) -> NDArray[np.uint8]:
    """What stands around a position of ``view`` (3, side, side), shifted to lie inside."""
    side = view.shape[-1]
    edge = max(1, round(_SHARE * side))
    top, left = (min(max(0, round(share * side - edge / 2)), side - edge) for share in (down, right))
    square = view[None, :, top : top + edge, left : left + edge].cpu()
    small = F.interpolate(square, (_PATCH, _PATCH), mode="bilinear", antialias=True)[0]
    pixels: NDArray[np.uint8] = (small.permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels
