"""Writing pictures: rounded once, tagged sRGB, whole or not at all, with the recipe inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdream.errors import OutputError, UsageError
from deepdream.images.formats import PICTURE_FORMATS, formats_with_bits, still_formats
from deepdream.images.opening import in_one_line
from deepdream.images.recipes import check_recipe
from deepdream.images.scaling import Numbers
from deepdream.provenance.files import write_bytes

_ROWS = 256  # of a picture that are rounded at once


def write_picture(
    path: Path | str,
    pixels: NDArray[Any],
    *,
    alpha: NDArray[Any] | None = None,
    recipe: str | None = None,
    bits: int = 8,
    quality: int = 95,
) -> None:
    """Write ``pixels`` in the format of the path's suffix; what stood there survives every failure.

    Arguments and errors are those of ``encode``. Raises OutputError also where the folder cannot be
    written or the disk is full.
    """
    path = Path(path)
    format = still_formats().get(path.suffix.lower())
    if format is None:
        known = ", ".join(still_formats())
        raise UsageError(f"Cannot write pictures as {in_one_line(path.suffix)!r}. Use one of {known}.")
    content = encode(pixels, format=format.name, alpha=alpha, recipe=recipe, bits=bits, quality=quality)
    write_bytes(path, content)


def encode(
    pixels: NDArray[Any],
    *,
    format: str = "png",
    alpha: NDArray[Any] | None = None,
    recipe: str | None = None,
    bits: int = 8,
    quality: int = 95,
) -> bytes:
    """The bytes of a picture file.

    Args:
        pixels: floats ``(H, W, 3)``, sRGB; values outside ``[0, 1]`` are clamped, then rounded.
        format: png, jpeg, webp, tiff, avif or bmp.
        alpha: floats ``(H, W)``. JPEG and BMP hold no alpha: there the picture is laid on white.
        recipe: text kept inside the file, see ``read_recipe``; at most 65,000 bytes of UTF-8. BMP has
            no place for it and goes without.
        bits: per sample; 16 is possible for png and tiff.
        quality: 1 to 100, for jpeg, webp and avif; 100 is lossless for webp.

    Raises:
        OutputError: a value is NaN or infinite, the recipe does not fit, the encoder refuses the size.
        UsageError: an unknown format, wrong shapes, or bits or quality that the format does not have.
    """
    entry = PICTURE_FORMATS.get(format)
    if entry is None or entry.encode is None:
        known = ", ".join(dict.fromkeys(entry.name for entry in still_formats().values()))
        raise UsageError(f"Cannot write pictures as {in_one_line(format)!r}. Use one of {known}.")
    if bits not in entry.bits:
        deep = formats_with_bits(16).lower().replace(" and ", ", ")
        raise UsageError(f"No {bits} bits per sample in {format}. Use 8 (any format) or 16 ({deep}).")
    if not 1 <= quality <= 100:
        raise UsageError(f"The quality must be between 1 and 100, not {quality}.")
    check_recipe(recipe)
    samples = _samples(pixels, alpha, opaque=not entry.alpha, bits=bits)
    try:
        return entry.encode(samples, recipe, quality)
    except (OSError, ValueError, RuntimeError, SystemError) as error:
        height, width = samples.shape[:2]
        reason = in_one_line(error)
        raise OutputError(f"Cannot write {width}x{height} pixels as {format}: {reason}. Use png.") from error


def eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 ``(H, W, 3)``: clamped, rounded, refused where not finite (as ``encode`` does)."""
    return _samples(pixels, None, opaque=True, bits=8)


def _samples(pixels: NDArray[Any], alpha: NDArray[Any] | None, *, opaque: bool, bits: int) -> Numbers:
    color = _checked(pixels, "The picture", (3,))
    cover = None if alpha is None else _checked(alpha, "The alpha", ())
    if cover is not None and cover.shape[:2] != color.shape[:2]:
        raise UsageError(f"The alpha {cover.shape[:2]} and the picture {color.shape[:2]} differ in size.")
    channels = 3 if cover is None or opaque else 4
    samples: Numbers = np.empty((*color.shape[:2], channels), np.uint8 if bits == 8 else np.uint16)
    for top in range(0, len(color), _ROWS):  # a large picture has no room for copies
        rows = slice(top, top + _ROWS)
        samples[rows] = _rounded(color[rows], None if cover is None else cover[rows], channels, bits)
    return samples


def _rounded(color: Numbers, cover: Numbers | None, channels: int, bits: int) -> Numbers:
    color = color.clip(0, 1)
    if cover is not None:
        cover = cover.clip(0, 1)[..., None]
        color = np.concatenate((color, cover), axis=2) if channels == 4 else color * cover + (1 - cover)
    rounded: Numbers = np.rint(color * (2**bits - 1))
    return rounded


def _checked(values: NDArray[Any], what: str, channels: tuple[int, ...]) -> Numbers:
    """``values`` as they are, after a look at their shape, kind and finiteness."""
    array = np.asarray(values)
    if array.ndim != 2 + len(channels) or array.shape[2:] != channels or 0 in array.shape:
        shape = ("(H, W, 3)" if channels else "(H, W)") + " with at least one pixel"
        raise UsageError(f"{what} must have the shape {shape}, not {array.shape}.")
    if array.dtype.kind != "f":
        raise UsageError(
            f"{what} must hold floats between 0 and 1, not {array.dtype}. Divide by its maximum."
        )
    count = sum(int((~np.isfinite(array[top : top + _ROWS])).sum()) for top in range(0, len(array), _ROWS))
    if count:
        raise OutputError(f"{what} holds {count:,} NaN or infinite values; nothing was written.")
    return array if array.dtype.itemsize >= 4 else array.astype(np.float32)
