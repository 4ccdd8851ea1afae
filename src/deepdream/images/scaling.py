"""From the numbers stored in a file to ``[0, 1]``: exact by bit depth, or stretched and said so."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdream.errors import PictureError, UsageError

Numbers = NDArray[Any]
Floats = NDArray[np.float32]

PERCENTILES = (1.0, 99.0)


def check_range(value_range: str) -> None:
    """Refuse anything but ``auto``, ``minmax``, ``percentile`` and ``LO:HI``. Raises UsageError."""
    if value_range in ("auto", "minmax", "percentile"):
        return
    _low_high(value_range)


def scale(values: Numbers, white: float | None, value_range: str) -> tuple[Floats, str]:
    """``values`` in ``[0, 1]`` as float32, and a note on how (empty for plain 8-bit samples).

    Args:
        values: the stored numbers, any shape.
        white: the stored number that means full intensity; None where the format does not say (32-bit
            whole numbers and floats): floats within ``[0, 1]`` are then kept, all else is stretched.
        value_range: ``auto``, ``minmax``, ``percentile`` (1st to 99th) or ``LO:HI`` in stored numbers.

    Raises:
        PictureError: a value is NaN or infinite.
        UsageError: ``value_range`` is none of these.
    """
    _check_finite(values)
    if value_range == "auto" and white is not None:
        note = "" if white == 255 else f"{_bits(white)}-bit samples scaled by 1/{white:.0f}"
        shares = values.astype(np.float32)
        shares /= np.float32(white)  # in place: a large picture has no room for copies
        return shares, note
    if value_range == "auto" and values.dtype.kind == "f" and values.min() >= 0 and values.max() <= 1:
        return values.astype(np.float32), "float samples between 0 and 1 kept as they are"
    how = "minmax" if value_range == "auto" else value_range
    low, high = _limits(values, how)
    return _stretch(values, low, high), f"values {low:g} to {high:g} stretched to 0..1 ({how})"


def _check_finite(values: Numbers) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(values.size - np.isfinite(values).sum())
        raise PictureError(f"It holds {bad:,} NaN or infinite values. Replace them before dreaming.")


def _limits(values: Numbers, value_range: str) -> tuple[float, float]:
    if value_range == "minmax":
        return float(values.min()), float(values.max())
    if value_range == "percentile":
        low, high = np.percentile(values, PERCENTILES)
        return float(low), float(high)
    return _low_high(value_range)


def _low_high(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(
            f"The value range {text!r} is not one of auto, minmax, percentile or LOW:HIGH (such as 0:4095)."
        )
    return low, high


def _stretch(values: Numbers, low: float, high: float) -> Floats:
    if high <= low:  # one constant value: mid-gray says neither black nor white
        return np.full(values.shape, 0.5, np.float32)
    # Halved, because the distance between the two largest floats is infinite.
    spread = (values.astype(np.float64) / 2 - low / 2) / (high / 2 - low / 2)
    return np.clip(spread, 0, 1).astype(np.float32)


def _bits(white: float) -> int:
    return math.ceil(math.log2(white + 1))
