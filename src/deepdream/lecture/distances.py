"""Distances and similarities: what a loss is made of."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepdream.errors import UsageError

__all__ = [
    "EARTH_RADIUS_KM",
    "great_circle",
    "great_circle_arccos",
    "jaccard_similarity",
    "minkowski",
    "unit_ball",
]

EARTH_RADIUS_KM = 6371.0088  # mean radius (IUGG)


def minkowski(x: ArrayLike, y: ArrayLike, p: float = 2.0) -> float:
    """``(Σ |x_i - y_i|^p)^(1/p)``; a metric only for p ≥ 1. ``p=inf`` is the longest leg (Chebyshev).

    >>> [minkowski((0, 0), (3, 4), p) for p in (1, 2, math.inf)]
    [7.0, 5.0, 4.0]
    """
    if not p > 0:
        raise UsageError(f"Minkowski's p must be positive, not {p}.")
    legs = np.abs(np.asarray(x, float) - np.asarray(y, float))
    longest = legs.max(initial=0.0)
    if math.isinf(p) or longest == 0:
        return float(longest)
    return float(longest * ((legs / longest) ** p).sum() ** (1 / p))  # scaled: no overflow for large p


def unit_ball(p: float, points: int = 400) -> NDArray[np.float64]:
    """The plane's points at distance 1 from the origin, in order around it, shape (points, 2).

    >>> unit_ball(1)[0].tolist()
    [1.0, 0.0]
    """
    angle = np.linspace(0, 2 * np.pi, points)
    # Each direction is divided by its own length, so that every point has distance 1 exactly.
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    lengths = np.array([minkowski(point, (0, 0), p) for point in around])
    edge: NDArray[np.float64] = around / lengths[:, None]
    return edge


def jaccard_similarity(a: Collection[object], b: Collection[object]) -> float:
    """``|A ∩ B| / |A ∪ B|``, and 1 for two empty sets, which are equal.

    >>> jaccard_similarity({1, 2, 3}, {2, 3, 4})
    0.5
    """
    first, second = set(a), set(b)
    return len(first & second) / len(first | second) if first | second else 1.0


def great_circle(start: Sequence[float], end: Sequence[float], radius: float = EARTH_RADIUS_KM) -> float:
    """Distance on a sphere between (latitude, longitude) pairs in degrees, by the haversine formula.

    Accurate from a tenth of a millimeter to the antipodes.

    >>> round(great_circle((0, 0), (0, 90)), 3)  # a quarter of the equator, in km
    10007.557
    """
    (latitude1, longitude1), (latitude2, longitude2) = np.radians(start), np.radians(end)
    # The haversine is small for near points, where floats are dense, so that no digits are lost.
    h = (
        math.sin((latitude2 - latitude1) / 2) ** 2
        + math.cos(latitude1) * math.cos(latitude2) * math.sin((longitude2 - longitude1) / 2) ** 2
    )
    return 2 * radius * math.asin(math.sqrt(min(1.0, h)))


def great_circle_arccos(
    start: Sequence[float], end: Sequence[float], radius: float = EARTH_RADIUS_KM
) -> float:
    """The formula of the textbooks, here to show its flaw: near points come out at distance 0.

    >>> great_circle_arccos((0, 0), (0, 1e-9))  # a tenth of a millimeter apart
    0.0
    """
    (latitude1, longitude1), (latitude2, longitude2) = np.radians(start), np.radians(end)
    # For near points the cosine is so close to 1 that all digits of the distance are lost.
    cosine = math.sin(latitude1) * math.sin(latitude2) + math.cos(latitude1) * math.cos(latitude2) * math.cos(
        longitude2 - longitude1
    )
    return radius * math.acos(max(-1.0, min(1.0, cosine)))
