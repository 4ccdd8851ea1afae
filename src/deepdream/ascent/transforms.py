"""Small random changes of a picture before each gradient, so that the result does not depend on one pixel grid.

Written as text with ``+`` between them, in the order in which they are made:

    >>> print(join_transforms(parse_transforms("pad(12)+ jitter(8) +scale(0.9,1.1) + rotate(-10, 10)")))
    pad(12) + jitter(8) + scale(0.9, 1.1) + rotate(-10, 10)

Source: Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill, and lucid's optvis/transform.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepdream.ascent.random_changes import LANGUAGE, Change, Crops, Noise, Rotate, Scale, Transform
from deepdream.errors import UsageError


def parse_transforms(text: str) -> tuple[Transform, ...]:
    """The transforms that ``text`` spells, in order; none for an empty text.

    Raises:
        UnknownNameError: no such transform.
        UsageError: anything else that cannot be read, or a number outside its range.
    """
    transforms = LANGUAGE.parse(text)
    for one in transforms:
        if isinstance(one, (Scale, Rotate, Crops)) and one.low > one.high:
            raise UsageError(f"{join_transforms([one])}: the first bound must not be above the second.")
    return transforms


def join_transforms(transforms: Sequence[Transform]) -> str:
    """The text of which ``transforms`` is the meaning."""
    return LANGUAGE.join(transforms)


def draw_all(transforms: Sequence[Transform], height: int, width: int, rng: torch.Generator) -> Change:
    """One change of each, made one after the other."""
    changes: list[Change] = []
    # Without data: only the sizes between the transforms are needed to draw the next one.
    shape = torch.empty(1, 3, height, width, device="meta")
    for one in transforms:
        change = one.draw(shape.shape[-2], shape.shape[-1], rng)
        changes.append(change)
        if not isinstance(one, (Noise, Rotate)):  # these keep the size
            shape = change(shape)

    def make(image: Tensor) -> Tensor:
        for change in changes:
            image = change(image)
        return image

    return make


def side_needed(transforms: Sequence[Transform], side: int) -> int:
    """How long a picture's side must be so that it is certainly at least ``side`` after all of them.

    Raises:
        UsageError: no picture is large enough, since the last crops are too small.
    """
    for one in reversed(transforms):
        side = one.needs(side)
    return side
