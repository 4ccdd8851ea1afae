"""Unit: what is this channel? What it looks for, what excites it, what it feeds, and how far to believe that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepdream.attribution.hooks import replacing_output
from deepdream.attribution.network_copies import in_float32, open_network
from deepdream.dreaming.result import fit_picture
from deepdream.errors import UsageError
from deepdream.figures import Figure, Theme, drawn, label, new_figure, shortened
from deepdream.images import Picture
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.features import activation_map, check_channel, picture_channels
from deepdream.models import Layer, Model

SIZE = "320"
CROPS, FED = 4, 5
#: Of a standard deviation: by so much the channel is moved to see which classes follow.
NUDGE = 0.05
NOTES = (
    "Show the feature first and let the hall name it. Then show the crops: do they fit the name? Then the classes. "
    "Three views of one channel, and they need not agree. Caveat: a feature visualization is the far end of what "
    "excites a channel, not its usual food; crops come from few pictures; and a derivative is about a small change. "
    "Many channels answer to several unrelated things (Olah et al. 2020, Zoom In, Distill), so a name is a guess."
)


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
        crop for picture, found in zip(fitted, maps, strict=True) for crop in _peaks(picture, found, layer)
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
        peaks=tuple(float(found.max()) for found in maps),
        dreamed_peak=float(activation_map(model, own, name)[channel].max()),
    )


def _peaks(picture: Picture, found: Tensor, layer: Layer) -> list[Crop]:
    """The highest place of a map (h, w), and the highest beyond the square that its unit sees."""
    left = found.clone()
    crops: list[Crop] = []
    side = min(layer.receptive_field or 10**6, picture.height, picture.width)
    while len(crops) < 2 and left.isfinite().any():
        index = int(left.argmax())
        place = (index // left.shape[1], index % left.shape[1])
        crops.append(_cut(picture, found, place, side))
        rows, columns = (
            slice(max(0, at - reach), at + reach + 1)
            for at, reach in zip(place, _reach(picture, found, side), strict=True)
        )
        left[rows, columns] = -torch.inf
    return crops


def _reach(picture: Picture, found: Tensor, side: int) -> list[int]:
    """How many positions of the map ``side`` pixels are, down and across."""
    sizes = zip(found.shape, (picture.height, picture.width), strict=True)
    return [max(1, round(side * cells / pixels)) for cells, pixels in sizes]


def _cut(picture: Picture, found: Tensor, place: tuple[int, int], side: int) -> Crop:
    """The square of ``side`` pixels around a position of the map, moved inside the picture."""
    sizes = (picture.height, picture.width)
    middle = [
        int((at + 0.5) * pixels / cells) for at, cells, pixels in zip(place, found.shape, sizes, strict=True)
    ]
    top, left = (min(max(0, at - side // 2), pixels - side) for at, pixels in zip(middle, sizes, strict=True))
    square = picture.pixels[top : top + side, left : left + side]
    return Crop(picture.name, float(found[place]), square, (middle[0] - top, middle[1] - left))


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
        spread = float(activation_map(model, image, layer.name)[channel].std(correction=0)) or 1.0
        logits = []
        for sign in (1, -1):
            with replacing_output(part, layer.runs, _raised(layer, channel, sign * NUDGE * spread)):
                logits.append(network(model.normalize(image))[0].double().cpu())
        total += (logits[0] - logits[1]) / (2 * NUDGE)
    return total / len(images)


def _raised(layer: Layer, channel: int, amount: float) -> Any:
    def change(output: Tensor) -> Tensor:
        axis = 1 if output.shape[1] == layer.channels else output.dim() - 1
        raised = output.clone()
        raised.select(axis, channel).add_(amount)
        return raised

    return change


def unit(
    model: Model,
    name: str,
    pictures: Sequence[Picture],
    *,
    seed: int = 0,
    decided_by: str = "",
    tell: Tell = in_silence,
) -> Exhibit:
    """The lesson: one channel from three sides, and a caption of honest doubt."""
    found = portray(model, name, pictures, seed=seed, tell=tell)
    return Exhibit(
        name="unit",
        question=f"What is channel {found.channel} of {found.layer.name}?",
        answer=_answer(model, found),
        notes=NOTES,
        numbers=_numbers(model, found),
        record=run_record(
            [model], seed=seed, data=f"{len(pictures)} pictures searched", decided_by=decided_by
        ),
        draw=lambda theme: draw_unit(model, found, theme=theme),
        tables=[_table(model, found)],
    )


def _answer(model: Model, found: Portrait) -> str:
    best, middle = found.crops[0], float(np.median(found.peaks))
    fed = ", ".join(
        shortened(model.label(i), 30) for i in found.feeds.topk(min(3, len(found.feeds))).indices.tolist()
    )
    words = (
        f"Among {len(found.peaks)} pictures it is highest in {best.picture} ({best.value:.3g}; the median picture's "
        f"peak is {middle:.3g}). A little more of it raises above all: {fed}."
    )
    return f"{words} {_doubt(found)}"


def _doubt(found: Portrait) -> str:
    best = found.crops[0].value
    times = f"{found.dreamed_peak / best:.1f} times" if best > 0 else "far beyond"
    return (
        f"Doubt it: the made picture excites the channel {times} as much as the best photograph, so it shows an "
        f"extreme; {len(found.peaks)} pictures are few; and a channel may answer to several things."
    )


def _numbers(model: Model, found: Portrait) -> dict[str, Any]:
    top = found.feeds.topk(min(10, len(found.feeds))).indices.tolist()
    low = (-found.feeds).topk(min(10, len(found.feeds))).indices.tolist()
    return {
        "model": model.name,
        "layer": found.layer.name,
        "channel": found.channel,
        "receptive_field": found.layer.receptive_field,
        "crops": [{"picture": crop.picture, "value": crop.value} for crop in found.crops],
        "peaks": list(found.peaks),
        "dreamed_peak": found.dreamed_peak,
        "feeds": [_class(model, found, i) for i in top],
        "starves": [_class(model, found, i) for i in low],
    }


def _class(model: Model, found: Portrait, index: int) -> dict[str, Any]:
    return {"index": index, "label": model.label(index), "logits_per_sd": float(found.feeds[index])}


def _ends(found: Portrait, count: int) -> list[int]:
    """The classes it feeds most, and those it starves most, in falling order."""
    order = found.feeds.argsort(descending=True).tolist()
    return order if len(order) <= 2 * count else [*order[:count], *order[-count:]]


def _table(model: Model, found: Portrait) -> Grid:
    rows = [(model.label(i), float(found.feeds[i])) for i in _ends(found, FED)]
    return Grid("What it feeds and starves", ("class", "logits per standard deviation"), rows)


CAPTION = (
    "What: what channel {channel} of {layer} looks for (made from noise, three starts) and what silences it; the "
    "places that excite it most in {count} pictures, cut at its receptive field, the ring at its middle; the change of "
    "the logits if it were one standard deviation higher everywhere (first order, mean over pictures). Why: no single "
    "view says what a unit is. {doubt}"
)


@drawn
def draw_unit(model: Model, found: Portrait, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Features above, crops below, classes at the right."""
    title = f"What is channel {found.channel} of {found.layer.name}?"
    canvas, axes = new_figure(2, 5, title=title, size=(18, 8.2), theme=theme)
    axes[0][0].get_gridspec().set_width_ratios([1, 1, 1, 1, 1.25])
    features = [*found.wants, found.shuns]
    for place, pixels, name in zip(
        axes[0], features, ("wants", "another start", "a third", "is silenced by"), strict=False
    ):
        _show(place, pixels, name)
    blank = [Crop("", 0.0, np.full((4, 4, 3), 1.0 if theme is Theme.LIGHT else 0.08, np.float32))] * CROPS
    for place, crop in zip(axes[1], [*found.crops, *blank][:CROPS], strict=False):
        _show(place, crop.pixels, f"{shortened(crop.picture)} {crop.value:.3g}" if crop.picture else "")
        if crop.picture:
            look: dict[str, Any] = {"marker": "o", "markersize": 26, "fillstyle": "none"}
            place.plot(*crop.place[::-1], color="white", markeredgewidth=6, **look)
            place.plot(*crop.place[::-1], color=theme.colors[1], markeredgewidth=3, **look)
    grid = axes[0][4].get_subplotspec().get_gridspec()
    axes[0][4].remove()
    axes[1][4].remove()
    _bars(canvas.add_subplot(grid[:, 4]), model, found, theme)
    caption = CAPTION.format(
        channel=found.channel, layer=found.layer.name, count=len(found.peaks), doubt=_doubt(found)
    )
    return Figure(canvas, caption, _answer(model, found), {}, theme)


def _show(place: Any, pixels: NDArray[np.float32], name: str) -> None:
    place.imshow(pixels, interpolation="bilinear")
    place.set_title(name, fontsize=15)
    place.set_axis_off()


def _bars(place: Any, model: Model, found: Portrait, theme: Theme) -> None:
    chosen = _ends(found, FED)
    values = [float(found.feeds[index]) for index in chosen]
    colors = [theme.positive if value > 0 else theme.negative for value in values]
    place.barh(range(len(chosen)), values, color=colors)
    place.set_yticks(range(len(chosen)), [shortened(model.label(index), 16) for index in chosen], fontsize=13)
    place.invert_yaxis()
    place.axvline(0, color=theme.ink, linewidth=1)
    label(place, "logits per standard deviation", "", "feeds and starves")
