"""The pictures that dreams begin with: noise, or a photograph at the chosen size."""

from __future__ import annotations

import hashlib

import numpy as np

from deepdream.errors import UsageError
from deepdream.images import Picture, resize

#: The name of the input that is no file.
NOISE = "noise"


def noise_picture(height: int, width: int, seed: int) -> Picture:
    """Gray with faint uniform noise: an empty canvas on which the network sees what it likes to see."""
    rng = np.random.default_rng(seed)
    pixels = (0.5 + 0.1 * (rng.random((height, width, 3)) - 0.5)).astype(np.float32)
    digest = hashlib.sha256(np.round(pixels * 255).astype(np.uint8).tobytes()).hexdigest()
    return Picture(pixels, None, NOISE, digest, ("seeded noise",))


def fit_picture(picture: Picture, size: str | None) -> Picture:
    """``picture`` at ``size``: "640" for the longer side, "800x600" for exactly that, None as it is.

    Raises:
        UsageError: a size that cannot be read.
    """
    if size is None:
        return picture
    height, width = parse_size(size, picture.height, picture.width)
    if (height, width) == (picture.height, picture.width):
        return picture
    alpha = picture.alpha
    if alpha is not None:
        alpha = resize(np.repeat(alpha[..., None], 3, axis=2), height, width)[..., 0].clip(0, 1)
    pixels = resize(picture.pixels, height, width).clip(0, 1)
    return Picture(pixels, alpha, picture.name, picture.sha256, picture.notes)


def parse_size(size: str, height: int, width: int) -> tuple[int, int]:
    """(height, width) that ``size`` asks of a picture of ``height`` x ``width``. Raises UsageError."""
    words = size.lower().split("x")
    if not all(word.isdecimal() and len(word) <= 6 and int(word) > 0 for word in words) or len(words) > 2:
        raise UsageError(
            f"Cannot read the size {size!r}. Use 640 (the longer side) or 800x600 (width x height)."
        )
    if len(words) == 2:
        return int(words[1]), int(words[0])
    scale = int(words[0]) / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))
