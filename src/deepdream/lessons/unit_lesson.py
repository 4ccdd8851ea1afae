"""The lesson on one channel: its dream, the pictures that excite it, the classes that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepdream.figures import Figure, Theme, drawn, label, new_figure, shortened
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.page_lessons import PageInputs, on_page
from deepdream.lessons.units import CROPS, FED, Crop, Portrait, portray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from deepdream.images import Picture
    from deepdream.models import Model

NOTES = (
    "Show the feature first and let the hall name it. Then show the crops: do they fit the name? Then the classes. "
    "Three views of one channel, and they need not agree. Caveat: a feature visualization is the far end of what "
    "excites a channel, not its usual food; crops come from few pictures; and a derivative is about a small change. "
    "Many channels answer to several unrelated things (Olah et al. 2020, Zoom In, Distill), so a name is a guess."
)


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
    portrait = portray(model, name, pictures, seed=seed, tell=tell)
    return Exhibit(
        name="unit",
        question=f"What is channel {portrait.channel} of {portrait.layer.name}?",
        answer=_answer(model, portrait),
        notes=NOTES,
        numbers=_numbers(model, portrait),
        record=run_record(
            [model], seed=seed, data=f"{len(pictures)} pictures searched", decided_by=decided_by
        ),
        draw=lambda theme: draw_unit(model, portrait, theme=theme),
        tables=[_table(model, portrait)],
    )


@on_page("unit", "Unit", 40, unit)
def _on_page(inputs: PageInputs) -> Exhibit:
    """The channel that contributed most to the prediction, as the lesson before has computed it."""
    network = inputs.exhibits["reason"].numbers["networks"][0]
    channels = network["channels"]
    name = f"{network['layer']}:{channels[0]['channel'] if channels else 0}"
    pictures = [inputs.picture, *inputs.others]
    return unit(
        inputs.model, name, pictures, seed=inputs.seed, decided_by=inputs.decided_by, tell=inputs.tell
    )


def _answer(model: Model, portrait: Portrait) -> str:
    best, middle = portrait.crops[0], float(np.median(portrait.peaks))
    fed = ", ".join(
        shortened(model.label(i), 30)
        for i in portrait.feeds.topk(min(3, len(portrait.feeds))).indices.tolist()
    )
    words = (
        f"Among {len(portrait.peaks)} pictures it is highest in {best.picture} ({best.value:.3g}; the median picture's "
        f"peak is {middle:.3g}). A little more of it raises above all: {fed}."
    )
    return f"{words} {_doubt(portrait)}"


def _doubt(portrait: Portrait) -> str:
    best = portrait.crops[0].value
    times = f"{portrait.dreamed_peak / best:.1f} times" if best > 0 else "far beyond"
    return (
        f"Doubt it: the made picture excites the channel {times} as much as the best photograph, so it shows an "
        f"extreme; {len(portrait.peaks)} pictures are few; and a channel may answer to several things."
    )


def _numbers(model: Model, portrait: Portrait) -> dict[str, Any]:
    top = portrait.feeds.topk(min(10, len(portrait.feeds))).indices.tolist()
    low = (-portrait.feeds).topk(min(10, len(portrait.feeds))).indices.tolist()
    return {
        "model": model.name,
        "layer": portrait.layer.name,
        "channel": portrait.channel,
        "receptive_field": portrait.layer.receptive_field,
        "crops": [{"picture": crop.picture, "value": crop.value} for crop in portrait.crops],
        "peaks": list(portrait.peaks),
        "dreamed_peak": portrait.dreamed_peak,
        "feeds": [_class(model, portrait, i) for i in top],
        "starves": [_class(model, portrait, i) for i in low],
    }


def _class(model: Model, portrait: Portrait, index: int) -> dict[str, Any]:
    return {"index": index, "label": model.label(index), "logits_per_sd": float(portrait.feeds[index])}


def _ends(portrait: Portrait, count: int) -> list[int]:
    """The classes it feeds most, and those it starves most, in falling order."""
    order = portrait.feeds.argsort(descending=True).tolist()
    return order if len(order) <= 2 * count else [*order[:count], *order[-count:]]


def _table(model: Model, portrait: Portrait) -> Grid:
    rows = [(model.label(i), float(portrait.feeds[i])) for i in _ends(portrait, FED)]
    return Grid("What it feeds and starves", ("class", "logits per standard deviation"), rows)


CAPTION = (
    "What: what channel {channel} of {layer} looks for (made from noise, three starts) and what silences it; the "
    "places that excite it most in {count} pictures, cut at its receptive field, the ring at its middle; the change of "
    "the logits if it were one standard deviation higher everywhere (first order, mean over pictures). Why: no single "
    "view says what a unit is. {doubt}"
)


@drawn
def draw_unit(model: Model, portrait: Portrait, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Features above, crops below, classes at the right."""
    title = f"What is channel {portrait.channel} of {portrait.layer.name}?"
    canvas, axes = new_figure(2, 5, title=title, size=(18, 8.2), theme=theme)
    axes[0][0].get_gridspec().set_width_ratios([1, 1, 1, 1, 1.25])
    features = [*portrait.wants, portrait.shuns]
    for axis, pixels, name in zip(
        axes[0], features, ("wants", "another start", "a third", "is silenced by"), strict=False
    ):
        _show(axis, pixels, name)
    blank = [Crop("", 0.0, np.full((4, 4, 3), 1.0 if theme is Theme.LIGHT else 0.08, np.float32))] * CROPS
    for axis, crop in zip(axes[1], [*portrait.crops, *blank][:CROPS], strict=False):
        _show(axis, crop.pixels, f"{shortened(crop.picture)} {crop.value:.3g}" if crop.picture else "")
        if crop.picture:
            look: dict[str, Any] = {"marker": "o", "markersize": 26, "fillstyle": "none"}
            axis.plot(*crop.place[::-1], color="white", markeredgewidth=6, **look)
            axis.plot(*crop.place[::-1], color=theme.colors[1], markeredgewidth=3, **look)
    grid = axes[0][4].get_subplotspec().get_gridspec()
    axes[0][4].remove()
    axes[1][4].remove()
    _bars(canvas.add_subplot(grid[:, 4]), model, portrait, theme)
    caption = CAPTION.format(
        channel=portrait.channel, layer=portrait.layer.name, count=len(portrait.peaks), doubt=_doubt(portrait)
    )
    return Figure(canvas, caption, _answer(model, portrait), {}, theme)


def _show(axis: Any, pixels: NDArray[np.float32], name: str) -> None:
    axis.imshow(pixels, interpolation="bilinear")
    axis.set_title(name, fontsize=15)
    axis.set_axis_off()


def _bars(axis: Any, model: Model, portrait: Portrait, theme: Theme) -> None:
    chosen = _ends(portrait, FED)
    values = [float(portrait.feeds[index]) for index in chosen]
    colors = [theme.positive if value > 0 else theme.negative for value in values]
    axis.barh(range(len(chosen)), values, color=colors)
    axis.set_yticks(range(len(chosen)), [shortened(model.label(index), 16) for index in chosen], fontsize=13)
    axis.invert_yaxis()
    axis.axvline(0, color=theme.ink, linewidth=1)
    label(axis, "logits per standard deviation", "", "feeds and starves")
