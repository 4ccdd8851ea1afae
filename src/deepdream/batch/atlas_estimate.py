"""How many cells an atlas has at most, and how long it takes on this machine."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdream.batch.atlases import CellSettings
    from deepdream.images import Picture
    from deepdream.models import Model


def estimate_atlas(
    network: Model,
    layer: str,
    settings: CellSettings,
    grid: int,
    picture: Picture | None,
    *,
    pictures: int,
    count: int,
) -> dict[str, Any]:
    """``cells`` at most, ``crops`` and ``seconds``: a step of one batch and the classes of one crop are timed.

    Args:
        picture: The one of an activation grid; None for an atlas of many ``pictures``.
        count: The number of activations of an atlas.
    """
    import torch

    from deepdream.dreaming.activation_samples import crops_needed
    from deepdream.dreaming.atlas import activation_grid
    from deepdream.dreaming.directions import visualize_directions

    cells = grid**2
    if picture is not None:
        cells = len(activation_grid(network, picture, layer, most=grid).tiles)
    directions = torch.ones(min(settings.batch, cells), network.layer(layer).channels)
    visualize_directions(network, layer, directions, size=settings.size, steps=1)  # the first is slower
    began = time.monotonic()
    visualize_directions(network, layer, directions, size=settings.size, steps=1)
    seconds = (time.monotonic() - began) * settings.steps * math.ceil(cells / settings.batch)
    crops = 0
    if picture is None:
        crops = pictures * crops_needed(pictures, count)
        began = time.monotonic()
        network.classify(torch.zeros(1, 3, 64, 64))
        seconds += (time.monotonic() - began) * crops + count / 200
    return {"cells": cells, "crops": crops, "seconds": round(seconds, 1)}
