"""Unit: what is this channel? What it looks for, what excites it, what it feeds, and how far to believe that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from deepdream.attribution.hooks import replacing_output
from deepdream.attribution.network_copies import in_float32, open_network
from deepdream.dreaming.source_pictures import fit_picture
from deepdream.errors import UsageError
from deepdream.lessons.exhibit import Tell, in_silence
from deepdream.lessons.features import activation_map, check_channel, picture_channels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from deepdream.images import Picture
    from deepdream.models import Layer, Model

SIZE = "320"
CROPS, FED = 4, 5
#: Of a standard deviation: by so much the channel is moved to see which classes follow.
NUDGE = 0.05


@dataclass(frozen=True, eq=False)
class Crop:
    """A place in a picture where the channel is high.

    Attributes:
        picture: The picture's name.
        value: The activation there.
        pixels: The square that the unit sees, (s, s, 3), or as much of it as the picture holds.
        place: Row and column of the unit's middle in it.
    """

    picture: str
    value: float
    pixels: NDArray[np.float32]
    place: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class Portrait:
    """One channel from three sides.

    Attributes:
        wants: Feature visualizations from three starts; ``shuns`` one of what makes it low.
        crops: The strongest places found, the strongest first.
        feeds: (classes,) change of each logit, to first order, if the channel were one of its standard deviations
            higher everywhere; mean over the pictures.
        peaks: The largest activation in each picture.
        dreamed_peak: The largest activation in the feature visualization.
    """

    layer: Layer
    channel: int
    wants: tuple[NDArray[np.float32], ...]
    shuns: NDArray[np.float32]
    crops: tuple[Crop, ...]
    feeds: Tensor
    peaks: tuple[float, ...]
    dreamed_peak: float


def parse_unit(text: str) -> tuple[str, int]:
    """Layer and channel of ``blocks.4:17``. Raises UsageError."""
    layer, colon, channel = text.rpartition(":")
    if not colon or not channel.isdecimal() or len(channel) > 9:
        raise UsageError(f"Cannot read the unit {text!r}. Write LAYER:CHANNEL, such as blocks.4:17.")
    return layer, int(channel)


def portray(
    model: Model, unit: str, pictures: Sequence[Picture], *, seed: int = 0, tell: Tell = in_silence
) -> Portrait:
    """Three views of one channel.

    Raises:
        UsageError: no pictures, or a layer without positions; UnknownNameError: no such layer.
    """
    name, channel = parse_unit(unit)
    layer = model.layer(name)
    check_channel(layer, channel)
    if not pictures:
        raise UsageError("A unit is looked for in pictures: give at least one with --images.")
    tell(f"unit: what {unit} looks for")
    wants = [picture_channels(model, name, [channel, channel], signs=[1, -1], seed=seed)]
    wants += [picture_channels(model, name, [channel], seed=seed + more) for more in (1, 2)]
    tell(f"unit: {len(pictures)} pictures are searched")
    fitted = [fit_picture(picture, SIZE) for picture in pictures]
    maps = [activation_map(model, picture.tensor(), name)[channel] for picture in fitted]
    crops = [
        crop
        for picture, activation in zip(fitted, maps, strict=True)
        for crop in _peaks(picture, activation, layer)
    ]
    own = torch.from_numpy(wants[0][0]).permute(2, 0, 1)[None]
    return Portrait(
        layer=layer,
        channel=channel,
        wants=tuple(group[0] for group in wants),
        shuns=wants[0][1],
        crops=tuple(sorted(crops, key=lambda crop: -crop.value)[:CROPS]),
        feeds=fed_classes(
            model, [model.crop(picture.tensor()) for picture in fitted[:CROPS]], layer, channel
        ),
        peaks=tuple(float(activation.max()) for activation in maps),
        dreamed_peak=float(activation_map(model, own, name)[channel].max()),
    )


def _peaks(picture: Picture, activation: Tensor, layer: Layer) -> list[Crop]:
    """The highest place of a map (h, w), and the highest beyond the square that its unit sees."""
    remaining = activation.clone()
    crops: list[Crop] = []
    side = min(layer.receptive_field or 10**6, picture.height, picture.width)
    while len(crops) < 2 and remaining.isfinite().any():
        index = int(remaining.argmax())
        place = (index // remaining.shape[1], index % remaining.shape[1])
        crops.append(_cut(picture, activation, place, side))
        rows, columns = (
            slice(max(0, at - reach), at + reach + 1)
            for at, reach in zip(place, _reach(picture, activation, side), strict=True)
        )
        remaining[rows, columns] = -torch.inf
    return crops


def _reach(picture: Picture, activation: Tensor, side: int) -> list[int]:
    """How many positions of the map ``side`` pixels are, down and across."""
    sizes = zip(activation.shape, (picture.height, picture.width), strict=True)
    return [max(1, round(side * cells / pixels)) for cells, pixels in sizes]


def _cut(picture: Picture, activation: Tensor, place: tuple[int, int], side: int) -> Crop:
    """The square of ``side`` pixels around a position of the map, moved inside the picture."""
    sizes = (picture.height, picture.width)
    middle = [
        int((at + 0.5) * pixels / cells)
        for at, cells, pixels in zip(place, activation.shape, sizes, strict=True)
    ]
    top, left = (min(max(0, at - side // 2), pixels - side) for at, pixels in zip(middle, sizes, strict=True))
    square = picture.pixels[top : top + side, left : left + side]
    return Crop(picture.name, float(activation[place]), square, (middle[0] - top, middle[1] - left))


@torch.no_grad()
def fed_classes(model: Model, images: Sequence[Tensor], layer: Layer, channel: int) -> Tensor:
    """(classes,) float64: the central difference of the logits along the channel, times its standard deviation.

    Mean over ``images`` (1, 3, H, W); the rest of the network runs as it is, from the changed layer on.
    """
    model = in_float32(model)
    network = open_network(model)
    part = network.get_submodule(layer.name)
    total = torch.zeros(model.classes, dtype=torch.float64)
    for image in images:
        size = (image.shape[-2], image.shape[-1])
        spread = float(activation_map(model, image, layer.name)[channel].std(correction=0)) or 1.0
        logits = []
        for sign in (1, -1):
            with replacing_output(part, layer.runs, _raised(layer, size, channel, sign * NUDGE * spread)):
                logits.append(network(model.normalize(image))[0].double().cpu())
        total += (logits[0] - logits[1]) / (2 * NUDGE)
    return total / len(images)


def _raised(layer: Layer, size: tuple[int, int], channel: int, amount: float) -> Any:
    """Adds ``amount`` to one channel at every position of a layer's output."""

    def change(output: Tensor) -> Tensor:
        if layer.axes is None:
            raised = output.clone()
            raised.select(output.dim() - 1, channel).add_(amount)
            return raised
        maps = layer.axes.to_map(output, size).clone()
        maps[:, channel] += amount
        return layer.axes.put_back(maps, output, size)

    return change
