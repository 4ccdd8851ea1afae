"""A small TIFF encoder: RGB or RGBA, 8 or 16 bits, one deflated strip (TIFF 6.0).

Pillow has no 16-bit color mode, so it cannot write these.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np

from deepdream.images.scaling import Numbers

_ASCII, _SHORT, _LONG, _UNDEFINED = 2, 3, 4, 7
_ENTRY_BYTES, _HEADER_BYTES = 12, 8


class _Entry(NamedTuple):
    tag: int
    kind: int
    length: int
    body: bytes


def encode_tiff(samples: Numbers, *, icc: bytes, software: str, description: str | None) -> bytes:
    """A little-endian TIFF of uint8 or uint16 ``samples`` ``(H, W, 3)`` or ``(H, W, 4)``.

    ``description`` goes into ImageDescription as UTF-8 (TIFF 6.0 says ASCII; readers take both).
    """
    strip = zlib.compress(_predicted(samples))
    entries = [*_layout(samples, len(strip)), _text(305, software), _Entry(34675, _UNDEFINED, len(icc), icc)]
    if description is not None:
        entries.append(_text(270, description))
    return _assemble(sorted(entries), strip)


def _layout(samples: Numbers, strip_bytes: int) -> list[_Entry]:
    height, width, channels = samples.shape
    alpha = [_shorts(338, 2)] if channels == 4 else []  # ExtraSamples: unassociated alpha
    return [
        _long(256, width),
        _long(257, height),
        _shorts(258, *[samples.dtype.itemsize * 8] * channels),  # BitsPerSample
        _shorts(259, 8),  # Compression: deflate
        _shorts(262, 2),  # PhotometricInterpretation: RGB
        _long(273, _HEADER_BYTES),  # StripOffsets: the strip follows the header
        _shorts(277, channels),  # SamplesPerPixel
        _long(278, height),  # RowsPerStrip
        _long(279, strip_bytes),
        _shorts(284, 1),  # PlanarConfiguration: interleaved
        _shorts(317, 2),  # Predictor: horizontal difference
        *alpha,
    ]


def _predicted(samples: Numbers) -> bytes:
    little = np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("<"))
    return np.diff(little, axis=1, prepend=np.zeros_like(little[:, :1])).astype(little.dtype).tobytes()


def _assemble(entries: list[_Entry], strip: bytes) -> bytes:
    padded = strip + b"\0" * (len(strip) % 2)
    start = _HEADER_BYTES + len(padded)
    overflow_at = start + 2 + _ENTRY_BYTES * len(entries) + 4
    directory, overflow = b"", b""
    for tag, kind, length, body in entries:
        field = body.ljust(4, b"\0")
        if len(body) > 4:
            field = struct.pack("<I", overflow_at + len(overflow))
            overflow += body + b"\0" * (len(body) % 2)
        directory += struct.pack("<HHI", tag, kind, length) + field
    header = b"II*\0" + struct.pack("<I", start)
    return header + padded + struct.pack("<H", len(entries)) + directory + bytes(4) + overflow


def _shorts(tag: int, *values: int) -> _Entry:
    return _Entry(tag, _SHORT, len(values), struct.pack(f"<{len(values)}H", *values))


def _long(tag: int, value: int) -> _Entry:
    return _Entry(tag, _LONG, 1, struct.pack("<I", value))


def _text(tag: int, text: str) -> _Entry:
    body = text.encode() + b"\0"
    return _Entry(tag, _ASCII, len(body), body)
