"""The picture formats: one object each, with its suffixes, what it can hold, and how it is encoded.

A new format is one ``register`` here. File names, help texts, the folder scan, errors and the encoders read this
registry. Importing it loads neither NumPy nor Pillow, since every command reads the suffixes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdream.images.scaling import Numbers

#: Samples uint8 or uint16 (H, W, 3) or (H, W, 4), a recipe or None, and a quality from 1 to 100, as a whole file.
Encoder = Callable[["Numbers", "str | None", int], bytes]


@dataclass(frozen=True)
class Movement:
    """How Pillow writes a moving picture of a format.

    Attributes:
        pillow: Pillow's name of the format.
        unit: Durations are whole multiples of so many milliseconds.
        indexed: Whether each frame has a palette of 256 colors.
        once: What ``loop`` says for a picture that plays once; None where nothing says it.
        options: Further options of Pillow.
    """

    pillow: str
    unit: int = 1
    indexed: bool = False
    once: int | None = 1
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class PictureFormat:
    """A picture format.

    Attributes:
        name: What ``encode(format=...)`` takes: ``png``.
        suffixes: In small letters, with the dot; pictures are written with any of them.
        read_suffixes: Other names of the same format, under which files are read and not written.
        encode: How a still picture is written; None for a format that is only read, or only holds moving pictures.
        bits: Bits per sample that can be written.
        alpha: Whether it holds transparency.
        movement: How a moving picture is written; None where it cannot be.
    """

    name: str
    suffixes: tuple[str, ...]
    read_suffixes: tuple[str, ...] = ()
    encode: Encoder | None = None
    bits: tuple[int, ...] = (8,)
    alpha: bool = True
    movement: Movement | None = None


#: What a plot is written as by matplotlib, at its end where it moves.
PLOT_SUFFIXES = (".png", ".svg", ".pdf")

#: Every format by its name, in the order in which texts list them.
PICTURE_FORMATS: dict[str, PictureFormat] = {}


def register(format: PictureFormat) -> None:
    """Add a format to those that are read and written."""
    PICTURE_FORMATS[format.name] = format


def still_formats() -> dict[str, PictureFormat]:
    """The formats that still pictures are written in, by suffix."""
    return {suffix: entry for entry in PICTURE_FORMATS.values() if entry.encode for suffix in entry.suffixes}


def moving_formats() -> dict[str, PictureFormat]:
    """The formats that moving pictures are written in, by suffix."""
    entries = [entry for entry in PICTURE_FORMATS.values() if entry.movement]
    return {suffix: entry for entry in entries for suffix in entry.suffixes}


def moving_plot_suffixes() -> tuple[str, ...]:
    """The suffixes under which a plot is written as a moving picture."""
    return tuple(suffix for suffix in moving_formats() if suffix not in PLOT_SUFFIXES)


def read_suffixes() -> frozenset[str]:
    """The suffixes by which the pictures of a folder are known."""
    return frozenset(
        suffix for entry in PICTURE_FORMATS.values() for suffix in (*entry.suffixes, *entry.read_suffixes)
    )


def formats_with_bits(bits: int) -> str:
    """The formats that hold so many bits per sample, in words: ``PNG and TIFF``."""
    names = [entry.name.upper() for entry in PICTURE_FORMATS.values() if bits in entry.bits]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _by_pillow(pillow: str, options: Callable[[str | None, int], Mapping[str, Any]]) -> Encoder:
    """An encoder of Pillow's, with options that depend on the recipe and the quality."""

    def encode(samples: Numbers, recipe: str | None, quality: int) -> bytes:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(samples).save(buffer, pillow, **options(recipe, quality))
        return buffer.getvalue()

    return encode


def _tagged(**more: Any) -> Callable[[str | None, int], Mapping[str, Any]]:
    """Options of a format with a quality, whose recipe stands in EXIF and whose colors in an ICC profile."""

    def options(recipe: str | None, quality: int) -> Mapping[str, Any]:
        from deepdream.images.color import srgb_profile
        from deepdream.images.recipes import exif

        return {"quality": quality, "exif": exif(recipe), "icc_profile": srgb_profile(), **more}

    return options


def _webp_options(recipe: str | None, quality: int) -> Mapping[str, Any]:
    return {**_tagged()(recipe, quality), "lossless": quality == 100}


def _encode_png(samples: Numbers, recipe: str | None, quality: int) -> bytes:
    from deepdream.images.png import encode_png16
    from deepdream.images.recipes import png_chunks

    # Pillow has no 16-bit color mode, so it cannot write these.
    if samples.dtype.itemsize == 2:
        return encode_png16(samples, recipe)
    return _by_pillow("PNG", lambda recipe, _: {"pnginfo": png_chunks(recipe)})(samples, recipe, quality)


def _encode_tiff(samples: Numbers, recipe: str | None, _quality: int) -> bytes:
    """8 or 16 bits, deflated, the recipe as UTF-8 in ImageDescription (TIFF 6.0 says ASCII; readers take both)."""
    import tifffile

    from deepdream.images.color import srgb_profile
    from deepdream.images.recipes import SOFTWARE

    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        samples,
        photometric="rgb",
        compression="adobe_deflate",
        predictor=2,
        extrasamples=["unassalpha"] if samples.shape[2] == 4 else None,
        iccprofile=srgb_profile(),
        software=SOFTWARE,
        description=None if recipe is None else recipe.encode(),
        metadata=None,  # no description of tifffile's own, which would stand where the recipe is read
    )
    return buffer.getvalue()


for _entry in (
    PictureFormat("png", (".png",), (".apng",), _encode_png, (8, 16), movement=Movement("PNG")),
    # Dreams live on color edges, so color is not subsampled. No optimize: Pillow would need room for the whole file.
    PictureFormat(
        "jpeg",
        (".jpg", ".jpeg"),
        (".jpe", ".jfif", ".mpo"),
        _by_pillow("JPEG", _tagged(subsampling="4:4:4")),
        alpha=False,
    ),
    PictureFormat(
        "webp",
        (".webp",),
        encode=_by_pillow("WEBP", _webp_options),
        movement=Movement("WEBP", options={"quality": 90, "method": 4}),
    ),
    PictureFormat("tiff", (".tif", ".tiff"), encode=_encode_tiff, bits=(8, 16)),
    PictureFormat("avif", (".avif",), encode=_by_pillow("AVIF", _tagged(subsampling="4:4:4"))),
    PictureFormat("bmp", (".bmp",), encode=_by_pillow("BMP", lambda *_: {}), alpha=False),
    # A GIF counts hundredths of a second, and without a count of loops it plays once.
    PictureFormat(
        "gif",
        (".gif",),
        movement=Movement("GIF", 10, indexed=True, once=None, options={"disposal": 1, "optimize": False}),
    ),
    PictureFormat("ppm", (), (".ppm", ".pgm", ".pbm", ".pnm")),
    PictureFormat("heif", (), (".heic", ".heif", ".hif")),
):
    register(_entry)
