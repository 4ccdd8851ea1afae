"""The recipe that travels inside a picture: where each format keeps it, and reading it back.

PNG holds it as an iTXt chunk with the keyword "deepdream"; JPEG, WebP, AVIF and TIFF as the EXIF or TIFF
tag ImageDescription, in UTF-8, with Software = "deepdream" to tell it from other people's descriptions.
BMP has no place for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from deepdream.errors import OutputError, PictureError
from deepdream.images.opening import in_one_line, opened, read_bytes
from deepdream.images.png import KEYWORD

# One JPEG segment holds 65,533 bytes with its EXIF frame; every format keeps to what JPEG can hold.
MAX_RECIPE_BYTES = 65_000
SOFTWARE = "deepdream"

_DESCRIPTION, _SOFTWARE = 0x010E, 0x0131
_HEADERS_ONLY = 1 << 30  # pixels; nothing is decoded here


def read_recipe(path: Path | str) -> str | None:
    """The recipe inside a picture written by this package, or None. The pixels are not decoded.

    The text may come from anyone: it is limited in size and valid Unicode, and nothing more is promised.

    Raises:
        PictureError: the file is missing or not a picture, or its recipe is too large or not text.
    """
    content = read_bytes(Path(path))
    name = in_one_line(Path(path).name)
    with opened(content, name, max_pixels=_HEADERS_ONLY) as image:
        text = _from_png(image) if image.format == "PNG" else _from_exif(image)
    if text is not None and len(text) > MAX_RECIPE_BYTES:
        raise PictureError(f"The recipe in {name} has more than {MAX_RECIPE_BYTES:,} bytes. It is not read.")
    try:
        return None if text is None else text.decode()
    except UnicodeDecodeError as error:
        raise PictureError(f"The recipe in {name} is damaged: it is not UTF-8 text.") from error


def check_recipe(recipe: str | None) -> None:
    """Refuse a recipe that a picture cannot hold. Raises OutputError."""
    if recipe is None:
        return
    try:
        size = len(recipe.encode())
    except UnicodeEncodeError as error:
        raise OutputError("The recipe is not valid Unicode. Remove its lone surrogates.") from error
    if size > MAX_RECIPE_BYTES:
        raise OutputError(
            f"The recipe has {size:,} bytes; a picture holds {MAX_RECIPE_BYTES:,}. Leave it out."
        )
    if "\0" in recipe:
        raise OutputError("The recipe holds a null character, which ends text in a picture. Remove it.")


def png_chunks(recipe: str | None) -> PngImagePlugin.PngInfo:
    """What Pillow adds to an 8-bit PNG: the sRGB tag, and the recipe."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\0")
    if recipe is not None:
        chunks.add_itxt(KEYWORD, recipe)
    return chunks


def exif(recipe: str | None) -> Image.Exif:
    """The EXIF block of a JPEG, WebP or AVIF file."""
    block = Image.Exif()
    block[_SOFTWARE] = SOFTWARE
    if recipe is not None:
        block[_DESCRIPTION] = recipe.encode()
    return block


def _from_png(image: Image.Image) -> bytes | None:
    text = image.info.get(KEYWORD)
    return text.encode(errors="surrogatepass") if isinstance(text, str) else None


def _from_exif(image: Image.Image) -> bytes | None:
    tags: Any = image.getexif()
    if tags.get(_SOFTWARE) != SOFTWARE:
        return None
    text = tags.get(_DESCRIPTION)
    # Pillow reads text tags as Latin-1, which maps every byte to one character and back.
    return text.encode("latin-1", errors="replace") if isinstance(text, str) else None
