"""Color pictures with 16 bits per sample, at full precision.

Pillow has no 16-bit color mode: of each sample it keeps the high byte. Told that the samples lie in the
opposite byte order, it keeps the low byte instead. Two decodes therefore give all 16 bits, with every
compression, tiling and interlacing that Pillow knows.
"""

from __future__ import annotations

import io
import re
import struct
import sys
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_WIDE = re.compile(r"(RGB|RGBX|RGBA);16[LBN]")
_NATIVE = "L" if sys.byteorder == "little" else "B"
_OPPOSITE = {"L": "B", "B": "L", "N": "B" if _NATIVE == "L" else "L"}
_PLANAR = 284


def raw_mode(image: Image.Image) -> str:
    """How the samples of an opened, not yet decoded picture lie in its file, in Pillow's words."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0].args
    return str(arguments if isinstance(arguments, str) else next(iter(arguments or ("",))))


def is_deep_color(image: Image.Image) -> bool:
    """Whether ``deep_color`` can read this opened picture at full precision."""
    mode = raw_mode(image)
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(_PLANAR, 1) != 1:
        return False
    return bool(_WIDE.fullmatch(mode)) or (image.format == "PNG" and mode == "LA;16B")


def deep_color(image: Image.Image, content: bytes) -> NDArray[np.uint16]:
    """All 16 bits of each sample: uint16 ``(H, W, 3)`` or, with alpha, ``(H, W, 4)``."""
    if raw_mode(image) == "LA;16B":
        return _gray_with_alpha(content)
    with Image.open(io.BytesIO(content), formats=(str(image.format),)) as again:
        opened: Any = again
        opened.tile = [tile._replace(args=_reversed(tile.args)) for tile in opened.tile]
        low = np.asarray(again)
    high: NDArray[np.uint16] = np.asarray(image).astype(np.uint16)
    high <<= 8
    high |= low
    return high


def _reversed(arguments: Any) -> Any:
    if isinstance(arguments, str):
        return arguments[:-1] + _OPPOSITE[arguments[-1]]
    return (_reversed(arguments[0]), *arguments[1:])


def _gray_with_alpha(content: bytes) -> NDArray[np.uint16]:
    # 16-bit gray with alpha has four bytes per pixel, as 8-bit RGBA has: under that header Pillow
    # hands out the bytes untouched. IHDR: 8 bytes signature, 8 of chunk head, 13 of fields, 4 of CRC.
    fields = content[16:24] + struct.pack(">BB", 8, 6) + content[26:29]
    check = struct.pack(">I", zlib.crc32(b"IHDR" + fields))
    with Image.open(io.BytesIO(content[:16] + fields + check + content[33:]), formats=("PNG",)) as image:
        samples = np.asarray(image).view(">u2").astype(np.uint16)
    return samples[..., [0, 0, 0, 1]]
