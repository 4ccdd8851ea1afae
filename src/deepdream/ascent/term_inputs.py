"""What a term is computed from: activations, the picture, and references such as masks and guides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor

from deepdream.errors import UsageError

#: The name under which a network's own output is read.
LOGITS = "logits"
#: The picture before the dream, where a kind takes a picture.
INPUT = "input"


@dataclass(frozen=True)
class Reference:
    """Something besides activations that a term is scored with.

    Attributes:
        role: ``picture``, ``mask`` and ``spot`` lie under the dreamed picture and are rolled, scaled and cut as it
            is; a ``bank`` (activations of a guide, positions x channels) and a ``vector`` do not.
        source: The resource as text, or ``input``.
        layer: Where the picture's activations are wanted, and not itself.
        numbers: The mask's feather, or the spot's place.
    """

    role: str
    source: str = ""
    layer: str = ""
    numbers: tuple[float, ...] = ()

    @property
    def lies_under(self) -> bool:
        return self.role in ("picture", "mask", "spot")


@dataclass(frozen=True, eq=False)
class TermInputs:
    """Everything that a term is computed from.

    Attributes:
        activations: Those of the layers that the objective reads, by name.
        image: (B, 3, H, W) in [0, 1].
        reduction: ``mean`` over positions, or ``half-sum``: the sum, as in the first notebook.
        references: The tensor that each ``Reference`` stands for.
        masks: Those of the term that is scored now.
    """

    activations: Mapping[str, Tensor]
    image: Tensor
    reduction: str = "mean"
    references: Mapping[Reference, Tensor] = field(default_factory=dict)
    masks: tuple[Reference, ...] = ()

    def spatial(self, name: str) -> Tensor:
        """A layer's activation as (B, C, h, w); of tokens (B, N, C) the positions are (N, 1)."""
        return as_map(self.activations[name])

    def total(self, values: Tensor) -> Tensor:
        """The mean of ``values`` (..., h, w) over everything, weighted by the masks; with ``half-sum`` the sum."""
        for mask in self.masks:
            if values.shape[-1] * values.shape[-2] == 1 < self.image.shape[-1] * self.image.shape[-2]:
                raise UsageError("A mask needs positions: this objective looks at the picture as a whole.")
            # Weighted and not left out, so that a soft edge of the mask counts in part.
            values = values * on_grid(self.references[mask], values)
        return values.sum() if self.reduction == "half-sum" else values.mean()


def as_map(activation: Tensor) -> Tensor:
    """An activation as (B, C, h, w); tokens (B, N, C) and vectors (B, C) get the axes that they lack."""
    if activation.dim() == 3:
        return activation.transpose(1, 2).unsqueeze(-1)
    return activation[:, :, None, None] if activation.dim() == 2 else activation


def on_grid(picture: Tensor, activation: Tensor) -> Tensor:
    """The means of ``picture`` (1, C, H, W) over the cells of an activation's grid (..., h, w).

    The cells are squares from the upper left on, as the units of a padded network lie, so that a tile which starts
    on the grid has the cells of the whole picture; where the grid is another, the picture is divided evenly.
    """
    height, width = activation.shape[-2:]
    cell = (-(-picture.shape[-2] // height), -(-picture.shape[-1] // width))
    if all(
        -(-side // step) == count
        for side, step, count in zip(picture.shape[-2:], cell, (height, width), strict=True)
    ):
        return F.avg_pool2d(picture, cell, ceil_mode=True)
    return F.adaptive_avg_pool2d(picture, (height, width))
