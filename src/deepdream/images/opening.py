"""The one door to Pillow's decoders: allowed formats, a pixel limit, and one kind of error.

Pillow's size guard and Python's warning filters belong to the whole process. Both are set here for the
length of one picture and put back, under a lock, so that neither a warning nor a changed limit leaks.
"""

from __future__ import annotations

import io
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from deepdream.errors import DeepDreamError, PictureError
from deepdream.images.diagnosis import diagnose, heif_reader_installed, is_heif

# An allow-list: Pillow also knows formats that start other programs (EPS starts Ghostscript).
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "PPM")
MAX_FILE_BYTES = 1 << 30

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ONE_AT_A_TIME = threading.RLock()


def in_one_line(text: object) -> str:
    """``text`` without line breaks and control characters, at most 200 characters.

    >>> in_one_line("a\\nb")
    'a b'
    """
    flat = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in flat)[:200]


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file. Raises PictureError: missing, a folder, no permission, over 1 GiB."""
    name = in_one_line(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PictureError(f"{name} is a folder. Name a picture in it.")
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(f"{name} is not a regular file. Copy the picture to a file first.")
        if status.st_size > MAX_FILE_BYTES:
            raise PictureError(f"{name} has more than {MAX_FILE_BYTES:,} bytes. Make it smaller first.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PictureError(f"There is no file {name}. Check the path.") from error
    except PermissionError as error:
        raise PictureError(f"No permission to read {name}. Check its access rights.") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise PictureError(f"Cannot read {name}: {in_one_line(error)}. Check the path.") from error


@contextmanager
def opened(content: bytes, name: str, *, max_pixels: int) -> Iterator[Image.Image]:
    """The picture in ``content``, opened and not yet decoded. Decode it inside the block.

    Raises:
        PictureError: in one line, for everything that goes wrong at opening or inside the block.
    """
    with _quiet_and_limited(max_pixels), _c_library_silenced(content):
        try:
            with Image.open(io.BytesIO(content), formats=_formats_for(content)) as image:
                yield image
        except DeepDreamError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise PictureError(f"{name} {_too_large(error, max_pixels)}") from error
        except UnidentifiedImageError as error:
            raise PictureError(f"{name} {diagnose(content)}") from error
        except Exception as error:  # Decoders fed with damaged files raise nearly every kind of exception.
            reason = in_one_line(error) or type(error).__name__
            raise PictureError(f"{name} is damaged or cut short ({reason}). Copy it again.") from error


@contextmanager
def _c_library_silenced(content: bytes) -> Iterator[None]:
    """Drop what libtiff writes about a damaged file: it goes straight to file descriptor 2, past ``sys.stderr``.

    The error that is raised says it in one line. No other thread decodes meanwhile (``_ONE_AT_A_TIME``).
    """
    if content[:4] not in _TIFF_MAGIC:
        yield
        return
    try:
        stderr = os.dup(2)
    except OSError:  # a process without a stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


@contextmanager
def _quiet_and_limited(max_pixels: int) -> Iterator[None]:
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _too_large(error: BaseException, max_pixels: int) -> str:
    match = re.search(r"\((\d+) pixels\)", str(error))
    count = f"{int(match[1]):,} pixels, " if match else ""
    return (
        f"has {count}more than the limit of {max_pixels:,} pixels. "
        "Make it smaller, or raise the limit with --max-pixels."
    )


def _formats_for(content: bytes) -> tuple[str, ...]:
    if is_heif(content) and heif_reader_installed():
        import pillow_heif

        pillow_heif.register_heif_opener()
        return ("HEIF",)
    return FORMATS
