"""Moving pictures that need no video library: animated WebP, GIF and PNG."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdream.errors import OutputError, UsageError
from deepdream.images.formats import PICTURE_FORMATS, moving_formats
from deepdream.images.opening import in_one_line
from deepdream.images.writer import eight_bits
from deepdream.provenance.files import replacing


def write_animation(
    path: Path | str, frames: Iterable[NDArray[Any]], *, frames_per_second: float = 12, loop: bool = True
) -> None:
    """Write ``frames``, floats ``(H, W, 3)`` in ``[0, 1]`` of one size, as .webp, .gif or .png (APNG).

    Frames are held at 8 bits until all have come. Times are rounded so that their sum stays right (GIF
    counts hundredths of a second). ``loop`` plays for ever, otherwise once. Whole or not at all.

    Raises:
        UsageError: no frames, unequal sizes, an unknown suffix, or a rate outside 0.1 to 60.
        OutputError: values that are not finite, a size the format cannot hold, or nowhere to write.
    """
    path = Path(path)
    formats = {**moving_formats(), ".apng": PICTURE_FORMATS["png"]}
    format = formats.get(path.suffix.lower())
    if format is None or format.movement is None:
        known = ", ".join(formats)
        raise UsageError(f"Cannot write animations as {in_one_line(path.suffix)!r}. Use one of {known}.")
    if not 0.1 <= frames_per_second <= 60:
        raise UsageError(f"Frames per second must be between 0.1 and 60, not {frames_per_second}.")
    movement = format.movement
    images: list[Image.Image] = []
    for frame in frames:
        image = Image.fromarray(eight_bits(frame))
        if images and image.size != images[0].size:
            raise UsageError(f"Frame {len(images)} is {image.size}, the first is {images[0].size}.")
        images.append(_indexed(image) if movement.indexed else image)
    if not images:
        raise UsageError("An animation needs at least one frame.")
    options = {
        "duration": _durations(len(images), frames_per_second, movement.unit),
        **(movement.options or {}),
    }
    if loop or movement.once is not None:
        options["loop"] = 0 if loop else movement.once
    with replacing(path) as temporary:
        try:
            images[0].save(temporary, movement.pillow, save_all=True, append_images=images[1:], **options)
        except (ValueError, RuntimeError, SystemError) as error:
            raise OutputError(f"Cannot write {path} as {movement.pillow}: {in_one_line(error)}.") from error


def _indexed(image: Image.Image) -> Image.Image:
    """256 colors chosen for this frame, with error diffusion against bands in smooth color."""
    return image.quantize(palette=image.quantize(256), dither=Image.Dither.FLOYDSTEINBERG)


def _durations(count: int, frames_per_second: float, unit: int) -> list[int]:
    """Milliseconds of each frame, whole multiples of ``unit``, whose sum is right to within one.

    >>> _durations(4, 12, 10)
    [80, 90, 80, 80]
    """
    ends = np.rint(np.arange(count + 1) * 1000 / frames_per_second / unit).astype(int) * unit
    return [int(duration) for duration in np.diff(ends)]
