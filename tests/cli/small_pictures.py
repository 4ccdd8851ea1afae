"""Pictures for the tests of commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def save(name: str, size: tuple[int, int] = (40, 36), mode: str = "RGB", **options: Any) -> Path:
    """A smooth colored picture of (width, height) pixels."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(rows / 5 + k) + np.cos(columns / 7 - k) for k in range(4)], axis=2)
    pixels = (127.5 + 50 * waves).clip(1, 254).astype(np.uint8)
    channels = {"RGB": 3, "RGBA": 4}.get(mode, 3)
    image = Image.fromarray(pixels[..., :channels])
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    (image if mode in ("RGB", "RGBA") else image.convert(mode)).save(name, **options)
    return Path(name)
