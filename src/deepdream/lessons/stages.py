"""Hierarchy: from early layers to late ones, what the network looks for, finds, and dreams in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from deepdream.dreaming import render
from deepdream.dreaming.source_pictures import fit_picture
from deepdream.errors import UsageError
from deepdream.figures import Figure, Theme, drawn, new_figure
from deepdream.images import Picture
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.features import activation_map, heat, picture_channels
from deepdream.lessons.page_lessons import PageInputs, on_page
from deepdream.models import Layer, Model
from deepdream.plan import plan_for

SIZE = "224"
MOST = 5
NOTES = (
    "Read down the columns. Early units see a few pixels and want edges and colors; late ones see the whole picture "
    'and want parts and objects. The dream repeats it: lines first, eyes and animals later. Caveat: "the visual '
    'cortex learns hierarchically, too" is an analogy. The order from simple to complex is there (Hubel and Wiesel '
    "1962), but cortex has feedback, no labels by the million, and no backpropagation that anybody has seen. The words "
    "for a column are ours: a unit often answers to several things that have no name."
)


@dataclass(frozen=True, eq=False)
class Stage:
    """One layer, told about one picture.

    Attributes:
        strongest: The two channels that stand out most in this picture, and their mean activations.
        features: What these two look for, (s, s, 3) each.
        responses: The picture lit where each fires.
        dreamed: The picture dreamed at this layer.
    """

    layer: Layer
    strongest: tuple[int, ...]
    activations: tuple[float, ...]
    features: tuple[NDArray[np.float32], ...]
    responses: tuple[NDArray[np.float32], ...]
    dreamed: NDArray[np.float32]


def chosen_layers(model: Model, names: Sequence[str] = ()) -> tuple[Layer, ...]:
    """The named layers, or about five of the main ones, evenly from early to late.

    Raises:
        UnknownNameError: no such layer.
        UsageError: a layer without positions.
    """
    if names:
        layers = [model.layer(name) for name in names]
        for layer in layers:
            if not layer.spatial:
                raise UsageError(
                    f"{layer.name} has no map of positions; choose another (`deepdream layers`)."
                )
        return tuple(sorted(layers, key=lambda layer: layer.depth))
    main = [layer for layer in model.layers.values() if layer.main and layer.spatial and layer.stage]
    main = main or [layer for layer in model.layers.values() if layer.spatial and layer.stage]
    if not main:
        raise UsageError(f"{model.name} has no spatial layers to show.")
    rows = np.unique(np.linspace(0, len(main) - 1, min(MOST, len(main))).round().astype(int))
    return tuple(main[row] for row in rows)


def climb_stages(
    model: Model,
    picture: Picture,
    names: Sequence[str] = (),
    *,
    size: str = SIZE,
    seed: int = 0,
    tell: Tell = in_silence,
) -> tuple[Stage, ...]:
    """Every stage of a hierarchy, the earliest first."""
    fitted = fit_picture(picture, size)
    stages = []
    for layer in chosen_layers(model, names):
        tell(f"hierarchy: {layer.name}")
        activation = activation_map(model, fitted.tensor(), layer.name)
        strongest = strongest_channels(activation)
        plan = plan_for(objective=f"layer({layer.name})", octaves=3, steps=12, seed=seed)
        stage = Stage(
            layer=layer,
            strongest=tuple(strongest),
            activations=tuple(float(activation[channel].mean()) for channel in strongest),
            features=tuple(picture_channels(model, layer.name, strongest, seed=seed)),
            responses=tuple(heat(fitted.pixels, activation[channel]) for channel in strongest),
            dreamed=render(model, picture, plan, size=size).pixels,
        )
        stages.append(stage)
    return tuple(stages)


def strongest_channels(activation: Tensor, count: int = 2) -> list[int]:
    """The channels of (C, h, w) whose peak stands highest above their own mean, in their own deviations.

    The plain mean would name the channels that are high in every picture.
    """
    flat = activation.flatten(1)
    height = (flat.amax(dim=1) - flat.mean(dim=1)) / flat.std(dim=1, correction=0).clamp_min(1e-6)
    alive = flat.amax(dim=1) > 0.25 * flat.amax()
    return (height * alive).topk(min(count, len(flat))).indices.tolist()


def hierarchy(
    model: Model,
    picture: Picture,
    names: Sequence[str] = (),
    *,
    size: str = SIZE,
    seed: int = 0,
    decided_by: str = "",
    tell: Tell = in_silence,
) -> Exhibit:
    """The lesson: the network learns from lines to objects, on one sheet."""
    stages = climb_stages(model, picture, names, size=size, seed=seed, tell=tell)
    pixels = fit_picture(picture, size).pixels
    return Exhibit(
        name="hierarchy",
        question="What has the network learned, from lines to objects?",
        answer=_answer(model, stages),
        notes=NOTES,
        numbers={"model": model.name, "stages": [_numbers(stage) for stage in stages]},
        record=run_record([model], picture, seed=seed, decided_by=decided_by),
        draw=lambda theme: draw_stages(model, pixels, stages, theme=theme),
        tables=[_table(stages)],
    )


@on_page("hierarchy", "Hierarchy", 20, hierarchy)
def _on_page(inputs: PageInputs) -> Exhibit:
    return hierarchy(
        inputs.model, inputs.picture, seed=inputs.seed, decided_by=inputs.decided_by, tell=inputs.tell
    )


def _field(layer: Layer) -> str:
    return "the whole picture" if layer.receptive_field is None else f"{layer.receptive_field} pixels"


def _answer(model: Model, stages: Sequence[Stage]) -> str:
    first, last = stages[0].layer, stages[-1].layer
    return (
        f"From {first.name} to {last.name} of {model.name} one unit sees first {_field(first)}, at last "
        f"{_field(last)}. What such layers tend to show: {first.shows}, at last {last.shows}. "
        "The channels shown are those that stand out most in this picture."
    )


def _numbers(stage: Stage) -> dict[str, Any]:
    return {
        "layer": stage.layer.name,
        "receptive_field": stage.layer.receptive_field,
        "stride": stage.layer.stride,
        "channels": list(stage.strongest),
        "mean_activations": list(stage.activations),
        "tends_to_show": stage.layer.shows,
    }


def _table(stages: Sequence[Stage]) -> Grid:
    rows = [(s.layer.name, _field(s.layer), ", ".join(map(str, s.strongest)), s.layer.shows) for s in stages]
    return Grid(
        "From early to late", ("layer", "one unit sees", "channels that stand out", "tends to show"), rows
    )


CAPTION = (
    "What: one column a layer, early to late: the square that one unit sees, drawn to scale (dashed: more than this "
    "picture); the two channels that stand out most in this picture, what each looks for (made from noise) and where "
    "it fires here; the picture dreamed at the layer. Why: what a unit can want depends on how much it sees. The "
    "likeness to the visual cortex is an analogy."
)


@drawn
def draw_stages(
    model: Model, pixels: NDArray[np.float32], stages: Sequence[Stage], *, theme: Theme = Theme.LIGHT
) -> Figure:
    """One column for each stage."""
    size = (3.5 * len(stages) + 0.8, 17.0)
    canvas, axes = new_figure(
        6, len(stages), title=f"From lines to objects: {model.name}", size=size, theme=theme
    )
    for column, stage in enumerate(stages):
        _column(axes[:, column], pixels, stage, theme)
    rows = ("one unit sees", "1st: wants", "fires here", "2nd: wants", "fires here", "dreamed here")
    for row, name in enumerate(rows):
        axes[row][0].set_ylabel(name, fontsize=17, fontweight="bold")
    alt = _answer(model, stages) + " A sheet of " + ", ".join(stage.layer.name for stage in stages) + "."
    return Figure(canvas, CAPTION, alt, {}, theme)


def _column(axes: Any, pixels: NDArray[np.float32], stage: Stage, theme: Theme) -> None:
    _receptive_field(axes[0], pixels, stage.layer, theme)
    blank = np.full((8, 8, 3), 1.0 if theme is Theme.LIGHT else 0.09, np.float32)
    features, fires = [*stage.features, blank][:2], [*stage.responses, blank][:2]
    for axis, panel in zip(
        axes[1:], (features[0], fires[0], features[1], fires[1], stage.dreamed), strict=True
    ):
        axis.imshow(panel)
    for axis, channel in zip((axes[1], axes[3]), stage.strongest, strict=False):
        axis.set_title(f"channel {channel}", fontsize=14)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)


def _receptive_field(axis: Any, pixels: NDArray[np.float32], layer: Layer, theme: Theme) -> None:
    height, width = pixels.shape[:2]
    field = layer.receptive_field
    axis.imshow(0.45 + 0.55 * pixels)
    axis.set_title(f"{layer.name}\n{_field(layer)}", fontsize=15)
    side = min(field or 10_000, 3 * max(height, width))
    corner = ((width - side) / 2, (height - side) / 2)
    frame = Rectangle(corner, side, side, fill=False, edgecolor=theme.colors[1], linewidth=4)
    axis.add_patch(frame)
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_ylim(height - 0.5, -0.5)
    if side > max(height, width):  # the frame lies outside
        for line in ("left", "right", "top", "bottom"):
            axis.spines[line].set_visible(False)
        inner = Rectangle(
            (1, 1), width - 3, height - 3, fill=False, edgecolor=theme.colors[1], linewidth=6, linestyle="--"
        )
        axis.add_patch(inner)
