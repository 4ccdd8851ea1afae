"""Text on pictures: one clean font, measured and wrapped."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@functools.cache
def font(size: int, weight: str = "") -> Font:
    """DejaVu Sans (it comes with matplotlib), else Pillow's own font. ``weight``: "" or "-Bold"."""
    # Found without importing matplotlib, which would take longer than the whole sheet.
    package = importlib.util.find_spec("matplotlib")
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "mpl-data/fonts/ttf" / f"DejaVuSans{weight}.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def text_width(text: str, face: Font) -> float:
    """Width of one line of ``text`` in pixels."""
    return face.getlength(text)


def wrap(text: str, face: Font, width: float, *, lines: int = 4) -> list[str]:
    """``text`` broken into at most ``lines`` lines of at most ``width`` pixels.

    What is left out is marked "…". Line breaks in ``text`` are kept; a word too long for a line is broken.
    """
    broken = [line for part in text.splitlines() for line in _wrap_paragraph(part, face, width)]
    if len(broken) <= lines:
        return broken
    return [*broken[: lines - 1], _cut(broken[lines - 1] + " …", face, width)]


def draw_lines(
    canvas: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: list[str],
    face: Font,
    *,
    fill: str,
    leading: float,
) -> None:
    """Draw lines of text downwards from the point ``at`` (left, top), ``leading`` pixels apart."""
    left, top = at
    for number, line in enumerate(text):
        canvas.text((left, top + number * leading), line, font=face, fill=fill)


def _wrap_paragraph(text: str, face: Font, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, face) <= width:
            lines[-1] = longer
        else:
            pieces = [""]
            for character in word:
                if pieces[-1] and text_width(pieces[-1] + character, face) > width:
                    pieces.append("")
                pieces[-1] += character
            lines = [line for line in lines if line] + pieces
    return lines


def _cut(text: str, face: Font, width: float) -> str:
    while text_width(text, face) > width and len(text) > 2:
        text = text[:-2].rstrip(" …") + "…"
    return text
