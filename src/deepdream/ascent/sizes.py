"""The sizes a picture is dreamed at, from small to its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Octave:
    """One size: ``height`` x ``width`` pixels, ``steps`` gradient steps."""

    height: int
    width: int
    steps: int


def octaves(
    height: int, width: int, *, count: int, scale: float, steps: int, floor: int = 1
) -> tuple[Octave, ...]:
    """Up to ``count`` octaves, each ``scale`` times larger than the one before, the last at full size.

    Octaves whose shorter side would fall below ``floor`` pixels are left out; the last one never is.

    >>> [(o.height, o.width) for o in octaves(300, 400, count=3, scale=2.0, steps=10, floor=100)]
    [(150, 200), (300, 400)]
    """
    # From the full size down, so that the last octave is exact and rounding is left to the small ones.
    sizes = [(height, width)]
    for _ in range(count - 1):
        sizes.insert(0, (max(1, round(sizes[0][0] / scale)), max(1, round(sizes[0][1] / scale))))
    large = [size for size in sizes[:-1] if min(size) >= floor]
    return tuple(Octave(*size, steps) for size in [*large, (height, width)])
