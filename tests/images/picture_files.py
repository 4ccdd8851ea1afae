"""Picture files made by hand for the tests of deepdream.images: what Pillow itself cannot write."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms

RNG = np.random.default_rng(7)


def ramp(height: int = 6, width: int = 9) -> np.ndarray:
    """A small uint8 picture whose corners and channels all differ: any turn or swap shows."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 250 // (width - 1), y * 250 // (height - 1), (x + 2 * y) * 9 % 256], 2).astype(
        np.uint8
    )


def saved(image: Image.Image | np.ndarray, format: str, **options: Any) -> bytes:
    """The bytes Pillow writes."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: np.ndarray, color_type: int, *extra: bytes, depth: int = 16, filter: int = 0) -> bytes:
    """A PNG written literally from its specification; ``samples`` ``(H, W, channels)``."""
    height, width, channels = samples.shape
    step = channels * depth // 8
    rows = samples.astype(">u2" if depth == 16 else np.uint8).reshape(height, -1).view(np.uint8).astype(int)
    body = b""
    for row in rows:
        left = np.concatenate([np.zeros(step, int), row[:-step]])
        body += bytes([filter]) + bytes(((row - left) % 256 if filter == 1 else row).astype(np.uint8))
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", zlib.compress(body)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def icc_profile(*, gamma: float, primaries: tuple[tuple[float, float, float], ...] | None = None) -> bytes:
    """An RGB matrix profile (ICC.1:2010) with a pure power curve; by default sRGB's colorants under D50."""
    srgb = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    points = zip(
        (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"), (*(primaries or srgb), (0.9642, 1.0, 0.8249)), strict=True
    )
    tags = {name: b"XYZ " + bytes(4) + _fixed(*xyz) for name, xyz in points}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"RGB ", tags)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 2) + b"t\0" + bytes(78)
    tags[b"cprt"] = b"text" + bytes(4) + b"none"
    table, body, offset = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s",
        offset + len(body),
        b"none",
        0x02100000,
        b"mntr",
        space,
        b"XYZ ",
        struct.pack(">6H", 2020, 1, 1, 0, 0, 0),
        b"acsp",
    )
    return (head + bytes(28) + _fixed(0.9642, 1.0, 0.8249)).ljust(128, b"\0") + table + body


def gray_profile(*, gamma: float) -> bytes:
    """A gray profile with a pure power curve."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"kTRC": curve, b"wtpt": b"XYZ " + bytes(4) + _fixed(0.9642, 1.0, 0.8249)}
    return _profile(b"GRAY", tags)


def srgb_icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def tiff_12_bit(*levels: int) -> bytes:
    """One row of packed 12-bit gray samples (an even number), as microscopes write them (TIFF 6.0)."""
    packed = b"".join(
        (a << 12 | b).to_bytes(3, "big") for a, b in zip(levels[::2], levels[1::2], strict=True)
    )
    fields = {256: len(levels), 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(packed)}
    start = 8 + len(packed) + len(packed) % 2
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    head = b"II*\0" + struct.pack("<I", start) + packed.ljust(start - 8, b"\0")
    return head + struct.pack("<H", len(fields)) + directory + bytes(4)
