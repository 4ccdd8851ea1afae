"""The one reader: any picture file to upright sRGB floats, saying what it did on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from deepdream.errors import PictureError, UsageError
from deepdream.images.opening import in_one_line, opened, read_bytes
from deepdream.images.picture import Picture
from deepdream.images.sample_values import Samples, take_samples
from deepdream.images.scaling import Floats, Numbers, check_range, scale

MAX_PIXELS = 64_000_000
WHITE = (1.0, 1.0, 1.0)

_ORIENTATION = 0x0112


def read_picture(
    source: Path | str | bytes,
    *,
    name: str | None = None,
    value_range: str = "auto",
    max_pixels: int = MAX_PIXELS,
    matte: tuple[float, float, float] = WHITE,
) -> Picture:
    """Read a picture file, or the bytes of one, once.

    PNG, JPEG, WebP, GIF, TIFF, BMP, AVIF and PPM; HEIC with the extra ``heif``. The picture is turned
    upright by its EXIF orientation and converted to sRGB by its ICC profile; of an animation the first
    frame is taken. Whatever was done to the numbers stands in ``Picture.notes``.

    Args:
        source: the file, or its bytes.
        name: what errors and the picture call it; by default the file's base name.
        value_range: how stored numbers become ``[0, 1]``. ``auto`` divides by what the bit depth makes
            white, keeps floats within ``[0, 1]``, and stretches other floats and 32-bit numbers from
            their minimum to their maximum. ``minmax``, ``percentile`` (1st to 99th) and ``LO:HI`` (in
            stored numbers) stretch any picture, all channels alike.
        max_pixels: larger pictures are refused before they are decoded.
        matte: the sRGB color on which transparent pixels are laid for the network. The color hidden
            in a fully transparent pixel is lost; the alpha is kept in ``Picture.alpha``.

    Raises:
        PictureError: in one line: missing, not a picture, damaged, too large, not finite.
        UsageError: a wrong ``value_range``, ``max_pixels`` or ``matte``.
    """
    check_range(value_range)
    if max_pixels < 1:
        raise UsageError(f"The pixel limit must be at least 1, not {max_pixels}.")
    if len(matte) != 3 or not all(0 <= part <= 1 for part in matte):
        raise UsageError(f"The matte must be three numbers between 0 and 1, not {matte}.")
    content = source if isinstance(source, bytes) else read_bytes(Path(source))
    name = in_one_line(name or ("picture" if isinstance(source, bytes) else Path(source).name))
    with opened(content, name, max_pixels=max_pixels) as image:
        try:
            samples, orientation, notes = _decode(image, content)
            values, note = scale(samples.values, samples.white, value_range)
        except PictureError as error:
            raise PictureError(f"{name} cannot be used. {error}") from error
    pixels, alpha, alpha_notes = _finish(samples, values, matte)
    return Picture(
        pixels=_upright(pixels, orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        notes=tuple(filter(None, (*notes, *samples.notes, note, *alpha_notes))),
    )


def size_in_header(source: Path | str) -> tuple[int, int] | None:
    """Height and width of an upright picture, from the head of its file; None where that cannot be read.

    Nothing is decoded, and nothing raised: the reader of the picture raises its error.
    """
    try:
        with Image.open(source) as image:
            width, height = image.size
            # Asking a PNG for its EXIF block decodes it.
            swapped = image.format != "PNG" and _orientation(image) >= 5
    except Exception:  # noqa: BLE001 - damaged files raise anything
        return None
    return (width, height) if swapped else (height, width)


def _decode(image: Image.Image, content: bytes) -> tuple[Samples, int, tuple[str, ...]]:
    """The samples, the EXIF orientation still to be applied, and notes."""
    frames = _frames(image)
    turned_by_pillow = image.format == "TIFF"  # Pillow turns TIFF files, and only these, while decoding
    # Decoding a TIFF removes its orientation; asking a PNG for one decodes it, at 8 bits.
    orientation = _orientation(image) if turned_by_pillow else 1
    samples = take_samples(image, content)
    orientation = orientation if turned_by_pillow else _orientation(image)
    notes = (
        f"first of {frames} frames" if frames > 1 else "",
        f"turned upright (EXIF orientation {orientation})" if orientation != 1 else "",
    )
    return samples, 1 if turned_by_pillow else orientation, notes


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # noqa: BLE001 - a damaged later frame raises anything, and must not cost the first
        image.seek(0)
        return 1


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - EXIF blocks are often damaged; the picture is still good
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _finish(
    samples: Samples, values: Floats, matte: tuple[float, float, float]
) -> tuple[Floats, Floats | None, tuple[str, ...]]:
    """Three channels on the matte, the alpha (None where it hides nothing), and a note on the matte."""
    if samples.inverted:
        values = 1 - values
    pixels = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    if samples.alpha is None or samples.alpha.min() >= 1:
        return pixels, None, ()
    cover = samples.alpha[..., None]
    laid = pixels * cover + np.asarray(matte, np.float32) * (1 - cover)
    color = "white" if matte == WHITE else f"the color {matte}"
    return laid.astype(np.float32), samples.alpha, (f"transparent pixels laid on {color}",)


def _upright(array: Floats, orientation: int) -> Floats:
    """Undo an EXIF orientation (2-4 mirror or turn by 180 degrees, 5-8 also swap the sides)."""
    turned: Numbers = array.swapaxes(0, 1) if orientation >= 5 else array
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned, dtype=np.float32)
