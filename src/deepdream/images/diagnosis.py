"""What a file is that is not a readable picture, and what to do about it: one sentence for the user."""

from __future__ import annotations

import importlib.util
import re

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")

# What the first bytes say, and the next step. The first pattern that matches speaks.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"\x89PNG", "looks like a PNG but is damaged. Copy or download it again."),
    (rb"\xff\xd8\xff", "looks like a JPEG but is damaged. Copy or download it again."),
    (rb"GIF8[79]a", "looks like a GIF but is damaged. Copy or download it again."),
    (rb"RIFF....WEBP", "looks like a WebP but is damaged. Copy or download it again."),
    (rb"....ftypavi[fs]", "looks like an AVIF but is damaged. Copy or download it again."),
    (rb"BM....\0\0\0\0", "looks like a BMP but is damaged. Copy or download it again."),
    (
        rb"II[*+]\0|MM\0[*+]",
        "is a damaged TIFF or a kind of TIFF that is not supported (camera raw, 64-bit or color floats). "
        "Export it as 16-bit or 32-bit float gray TIFF, or as PNG.",
    ),
    (rb"8BPS", "is a Photoshop file. Export it as PNG or TIFF."),
    (rb"%PDF", "is a PDF, not a picture. Export the page as PNG."),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "is PostScript, which is not read for safety. Export it as PNG."),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "is a JPEG XL. Convert it to PNG, WebP or AVIF."),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "is a JPEG 2000. Convert it to PNG or TIFF."),
    (rb"\0\0[\1\2]\0", "is an icon. Convert it to PNG."),
    (rb"....ftyp|\x1a\x45\xdf\xa3", "is a video, not a picture. Export a frame as PNG."),
    (rb"\x93NUMPY", "is a NumPy array. Save it as a float TIFF or a 16-bit PNG."),
    (rb"PK\x03\x04", "is a ZIP archive, not a picture. Unpack it first."),
    (rb"version https://git-lfs", "is a Git LFS pointer, not the picture. Run `git lfs pull`."),
)
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_HTML = re.compile(rb"<!doctype html|<html|<head|<body", re.IGNORECASE)
_ANYTHING = "is not a picture this program knows. Use PNG, JPEG, WebP, AVIF, TIFF, GIF, BMP or PPM."


def diagnose(content: bytes) -> str:
    """The end of a sentence that begins with the file's name: what it is, and what to do next.

    >>> diagnose(b"")
    'is empty (0 bytes). Copy or download it again.'
    """
    if not content:
        return "is empty (0 bytes). Copy or download it again."
    if is_heif(content):
        if heif_reader_installed():
            return "looks like a HEIC picture but is damaged. Copy or download it again."
        return 'is a HEIC picture. Install the reader: pip install "deepdream[heif]", or convert it to JPEG.'
    start = content[:4096]
    if _SVG.search(start):
        return "is an SVG drawing, not a pixel picture. Export it as PNG."
    if _HTML.search(start):
        return "is a web page (HTML), not a picture. Open it in a browser and save the picture itself."
    return next((text for pattern, text in _SIGNATURES if re.match(pattern, start, re.DOTALL)), _ANYTHING)


def heif_reader_installed() -> bool:
    """Whether the extra ``heif`` is there."""
    return importlib.util.find_spec("pillow_heif") is not None


def is_heif(content: bytes) -> bool:
    """Whether the file calls itself HEIC or HEIF (and not AVIF, which shares the container)."""
    brands = content[8:12] + b" " + content[16:64]
    is_avif = b"avif" in brands or b"avis" in brands
    return content[4:8] == b"ftyp" and not is_avif and content[8:12] in _HEIF_BRANDS
