"""A small PNG encoder for 16 bits per sample, which Pillow cannot write in color (W3C PNG, third edition)."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from deepdream.images.scaling import Numbers

KEYWORD = "deepdream"

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPE = {3: 2, 4: 6}  # channels to PNG color type: RGB, RGBA
_UP = 2  # filter: difference to the row above


def encode_png16(samples: Numbers, recipe: str | None) -> bytes:
    """A PNG of uint16 ``samples`` ``(H, W, 3)`` or ``(H, W, 4)``, tagged sRGB, ``recipe`` as iTXt."""
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOR_TYPE[channels], 0, 0, 0)
    rows = np.ascontiguousarray(samples, dtype=">u2").view(np.uint8).reshape(len(samples), -1)
    difference = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # bytes wrap around, as PNG wants
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"sRGB", b"\0"),
            _chunk(b"iTXt", _international_text(recipe)) if recipe is not None else b"",
            _chunk(b"IDAT", zlib.compress(np.insert(difference, 0, _UP, axis=1).tobytes())),
            _chunk(b"IEND", b""),
        )
    )


def _international_text(text: str) -> bytes:
    # keyword, not compressed, no language, no translated keyword
    return KEYWORD.encode() + b"\0" + b"\0\0" + b"\0" + b"\0" + text.encode()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
