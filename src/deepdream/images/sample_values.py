"""From an opened file of any mode to plain numbers: values, what white is, and alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from deepdream.errors import PictureError
from deepdream.images.color import is_srgb, to_srgb
from deepdream.images.deep import deep_color, is_deep_color, raw_mode
from deepdream.images.scaling import Floats, Numbers

_BITS, _COMPRESSION, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 258, 259, 262, 284, 339


@dataclass(frozen=True)
class Samples:
    """What a file stores: ``values`` ``(H, W)`` or ``(H, W, 3)``; ``white`` is the number that means full
    intensity (None: the format does not say); ``alpha`` float32 ``(H, W)``; ``inverted``: 0 is white."""

    values: Numbers
    white: float | None
    alpha: Floats | None = None
    notes: tuple[str, ...] = ()
    inverted: bool = False


def take_samples(image: Image.Image, content: bytes) -> Samples:
    """Decode the first frame of an opened picture. ``content`` is the whole file.

    Raises whatever Pillow raises for a damaged file; PictureError for what Pillow would read wrongly.
    """
    planes = _tag(image, _PLANAR, 1) == 2 and _tag(image, _COMPRESSION, 1) == 1
    if planes and _tag(image, _BITS, 8) > 8:
        raise PictureError(
            "It is a 16-bit TIFF with separate color planes, which cannot be read. "
            "Save it with interleaved samples, or compressed."
        )
    if is_deep_color(image):
        return _deep_color(image, content)
    if image.mode.startswith("I;16"):
        return _deep_gray(image)
    if image.mode in ("I", "F"):
        return _unbounded(image)
    return _eight_bit(image)


def _tag(image: Image.Image, number: int, default: int) -> int:
    tags: Any = getattr(image, "tag_v2", {})
    value = tags.get(number, default)
    return int(value[0] if isinstance(value, tuple) else value)


def _deep_color(image: Image.Image, content: bytes) -> Samples:
    icc, key = image.info.get("icc_profile"), image.info.get("transparency")
    samples = deep_color(image, content)
    values = samples[..., :3]
    alpha = _opacity(samples[..., 3], 65535) if samples.shape[2] == 4 else None
    if key is not None:
        alpha = (values != np.array(key, np.uint16)).any(axis=2).astype(np.float32)
    if icc and not is_srgb(icc):
        return _managed_at_8_bits(values, alpha, icc)
    return Samples(values, 65535, alpha)


def _managed_at_8_bits(values: Numbers, alpha: Floats | None, icc: bytes) -> Samples:
    # LittleCMS takes 8-bit color from Pillow: better right colors at 8 bits than wrong ones at 16.
    rounded = np.rint(values / np.float32(257)).astype(np.uint8)
    converted, note = to_srgb(Image.fromarray(rounded), icc)
    if note.startswith("unusable"):
        return Samples(values, 65535, alpha, (note,))
    return Samples(np.asarray(converted), 255, alpha, (note, "16-bit color managed at 8 bits"))


def _deep_gray(image: Image.Image) -> Samples:
    white = 2 ** _tag(image, _BITS, 16) - 1
    key, icc, inverted = image.info.get("transparency"), image.info.get("icc_profile"), _is_inverted(image)
    values = np.asarray(image).astype(np.uint16)
    alpha = (values != key).astype(np.float32) if isinstance(key, int) else None
    notes = ("ICC profile of deep gray not applied",) if icc and not is_srgb(icc) else ()
    return Samples(values, white, alpha, notes, inverted)


def _unbounded(image: Image.Image) -> Samples:
    inverted = _is_inverted(image)
    unsigned = image.format == "TIFF" and image.mode == "I" and _tag(image, _SAMPLE_FORMAT, 1) == 1
    # Pillow stretches a 16-bit PGM to 65535 whatever its own maximum is.
    white = 65535 if image.format == "PPM" and image.mode == "I" else None
    values = np.asarray(image)
    return Samples(values.view(np.uint32) if unsigned else values, white, inverted=inverted)


def _is_inverted(image: Image.Image) -> bool:
    return image.format == "TIFF" and _tag(image, _PHOTOMETRIC, 1) == 0


def _eight_bit(image: Image.Image) -> Samples:
    lost = ("read at 8 of its 16 bits per sample",) if _has_more_bits(image) else ()
    image.load()
    base, alpha = _split(image)
    converted, note = to_srgb(base, image.info.get("icc_profile"))
    return Samples(np.asarray(converted), 255, alpha, (*lost, *filter(None, (note,))))


def _has_more_bits(image: Image.Image) -> bool:
    if image.format == "PPM":
        return _ppm_maximum(image) > 255
    return ";16" in raw_mode(image) or _tag(image, _BITS, 8) > 8


def _ppm_maximum(image: Image.Image) -> int:
    tiles: Any = getattr(image, "tile", ())
    arguments = tiles[0].args if tiles else ""
    return arguments[-1] if isinstance(arguments, tuple) and isinstance(arguments[-1], int) else 255


def _split(image: Image.Image) -> tuple[Image.Image, Floats | None]:
    """The colors (mode L, RGB, CMYK or LAB), and the alpha."""
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    alpha = None
    if image.has_transparency_data:
        alpha = _opacity(np.asarray(image.convert("RGBA").getchannel("A")), 255)
    if image.mode in ("1", "L", "LA"):
        return image.convert("L"), alpha
    return (image if image.mode in ("CMYK", "LAB") else image.convert("RGB")), alpha


def _opacity(channel: Numbers, white: int) -> Floats:
    return channel.astype(np.float32) / np.float32(white)
