"""What channels look for, drawn from nothing: shared by the lessons that show units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from deepdream.dreaming.directions import least_side, visualize_directions
from deepdream.errors import UsageError
from deepdream.models import Layer, Model

SIDE, STEPS = 112, 64


def check_channel(layer: Layer, channel: int) -> None:
    """Raises UsageError if the layer is no map of channels, or has no such channel."""
    if not layer.spatial:
        raise UsageError(
            f"{layer.name} has no map of positions: choose a spatial layer (`deepdream layers`)."
        )
    if not 0 <= channel < layer.channels:
        raise UsageError(
            f"{layer.name} has channels 0 to {layer.channels - 1}; there is no channel {channel}."
        )


def picture_channels(
    model: Model,
    layer: str,
    channels: Sequence[int],
    *,
    signs: Sequence[int] | None = None,
    side: int = SIDE,
    steps: int = STEPS,
    seed: int = 0,
) -> list[NDArray[np.float32]]:
    """One picture (side, side, 3) for each channel: what makes it high, or with sign -1 what makes it low."""
    vectors = torch.zeros(len(channels), model.layer(layer).channels)
    for row, (channel, sign) in enumerate(zip(channels, signs or [1] * len(channels), strict=True)):
        vectors[row, channel] = sign
    side = max(side, least_side(model, layer))
    pictures = visualize_directions(model, layer, vectors, size=side, steps=steps, seed=seed)
    return [np.ascontiguousarray(picture.permute(1, 2, 0).cpu().numpy()) for picture in pictures]


@torch.no_grad()
def activation_map(model: Model, image: Tensor, layer: str) -> Tensor:
    """(C, h, w) float32 on the CPU: what ``layer`` gives for a picture (1, 3, H, W)."""
    return model.activations(image, [layer])[layer][0].float().cpu()


def heat(picture: NDArray[np.float32], activation: Tensor) -> NDArray[np.float32]:
    """The picture (H, W, 3) lit where a channel's map (h, w) is high, and dim elsewhere."""
    height, width = picture.shape[:2]
    large = F.interpolate(activation[None, None], size=(height, width), mode="bilinear", align_corners=False)
    share = large[0, 0].clamp_min(0)
    share = share / share.max().clamp_min(1e-9)
    light = (0.25 + 0.75 * share.sqrt()).numpy()[..., None]
    return np.asarray(picture * light, dtype=np.float32)
