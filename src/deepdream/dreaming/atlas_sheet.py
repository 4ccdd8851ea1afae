"""The picture of an atlas: the mosaic of its cells, beside the picture that a grid was made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepdream.dreaming.atlas import Atlas, compose
from deepdream.images import Cell, Picture, contact_sheet, resize
from deepdream.models import Model

Floats = NDArray[np.float32]

#: Type as large as on a sheet whose cells have this width, however large the map is.
_TYPE_WIDTH = 400


def draw_atlas(
    model: Model, atlas: Atlas, pictures: Sequence[Floats], *, title: str, picture: Picture | None = None
) -> Floats:
    """The labeled sheet, float32 (H, W, 3) in [0, 1].

    Args:
        pictures: (side, side, 3) in [0, 1], one for each tile.
        picture: The one that a grid was made of, drawn beside it at the same size; None for an atlas of many.
    """
    mosaic = compose(atlas, pictures, sized=picture is None)
    cells = [Cell(mosaic, f"{atlas.layer} of {model.name}", model.layer(atlas.layer).shows)]
    if picture is not None:
        width = mosaic.shape[1]
        height = max(1, round(picture.height * width / picture.width))
        cells = [
            Cell(resize(picture.pixels, height, width), picture.name, "the picture"),
            Cell(resize(mosaic, height, width), cells[0].label, cells[0].detail),
        ]
    return contact_sheet(
        cells,
        columns=len(cells),
        cell_width=max(480, mosaic.shape[1]),
        type_width=_TYPE_WIDTH,
        title=title,
        caption=_caption(atlas),
    )


def _caption(atlas: Atlas) -> str:
    if atlas.samples is None:
        return (
            "The activation at each position is a direction among the layer's channels. Each cell was made from noise "
            "to answer in that direction: not what is there, but what the layer takes it for."
        )
    return (
        f"{len(atlas.samples.activations):,} activations from random crops, laid out by t-SNE: what the layer takes "
        "for alike is near. Each cell is the mean of what lies in it, made visible from noise; larger ones hold more."
    )
