"""Contact sheets: many labelled pictures on one, large enough to read from the last row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from deepdream.errors import UsageError
from deepdream.images.checkers import on_checkers
from deepdream.images.lettering import draw_lines, font, wrap
from deepdream.images.resizing import enlarge_blocks, resize
from deepdream.images.scaling import Floats
from deepdream.images.writer import eight_bits


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a sheet: floats ``(H, W, 3)`` in ``[0, 1]``, a label, and smaller print below it.

    Where it has an alpha ``(H, W)`` it is shown on checkers.
    """

    pixels: NDArray[Any]
    label: str
    detail: str = ""
    alpha: NDArray[Any] | None = None

    @property
    def shown(self) -> NDArray[Any]:
        return self.pixels if self.alpha is None else on_checkers(self.pixels, self.alpha)


@dataclass(frozen=True)
class _Ink:
    paper: str
    text: str
    quiet: str
    panel: str


_DARK = _Ink(paper="#15171c", text="#f4f3ef", quiet="#a9afba", panel="#22252c")
_LIGHT = _Ink(paper="#fbfaf7", text="#1a1c22", quiet="#5b616d", panel="#efece5")
_LINES = 3  # of label, and of detail
_BLOCKS_FROM = 8  # enlargement at which pixels become blocks
_WIDEST, _TALLEST = 2.5, 1.4  # limits of a cell: width over height, height over width


@dataclass(frozen=True)
class _Layout:
    """Every length of a sheet, in pixels."""

    columns: int
    cell: tuple[int, int]  # width, height of the picture box
    margin: int
    gap: int
    sizes: tuple[int, int, int, int]  # fonts: title, caption, label, detail

    @property
    def width(self) -> int:
        return 2 * self.margin + self.columns * self.cell[0] + (self.columns - 1) * self.gap


def contact_sheet(
    cells: Sequence[Cell],
    *,
    columns: int | None = None,
    cell_width: int = 360,
    title: str = "",
    caption: str = "",
    dark: bool = True,
    type_width: int | None = None,
) -> Floats:
    """A sheet of labelled pictures, float32 ``(H, W, 3)`` in ``[0, 1]``.

    Every picture is fitted into a box of one size without distortion; pictures below an eighth of the box
    (digits, heatmaps) are enlarged as blocks, so that their pixels can be seen. Text is wrapped.
    ``columns`` is chosen for a sheet near 3:2 with few empty places where it is not given. Type grows with the
    cells; ``type_width`` sets it as for cells of that width, for few large ones.

    Raises:
        UsageError: no cells, ``columns`` below 1, or cells narrower than 48 pixels.
        OutputError: a picture holds NaN or infinite values.
    """
    if not cells:
        raise UsageError("A contact sheet needs at least one picture.")
    if cell_width < 48 or (columns is not None and columns < 1):
        raise UsageError(f"A sheet needs cells of 48 pixels or more and 1 column or more, not {cell_width}.")
    layout = _plan(cells, columns, cell_width, type_width or cell_width)
    ink = _DARK if dark else _LIGHT
    head = _header(title, caption, layout, ink)
    rows = [_row(cells[i : i + layout.columns], layout, ink) for i in range(0, len(cells), layout.columns)]
    sheet = np.concatenate(
        [np.asarray(part) for part in (head, *rows, _band(layout, layout.margin // 2, ink))]
    )
    return sheet.astype(np.float32) / np.float32(255)


def notice(text: str, height: int, width: int, *, dark: bool = True) -> Floats:
    """A panel with ``text`` in its middle, float32 ``(height, width, 3)``: what stands where there is no picture."""
    ink = _DARK if dark else _LIGHT
    panel = Image.new("RGB", (width, height), ink.panel)
    size = max(11, round(min(width / 22, height / 8)))
    face, leading = font(size), size * 1.4
    lines = wrap(text, face, width - 3 * size, lines=max(1, int(height / leading) - 1))
    top = (height - len(lines) * leading) / 2
    draw_lines(ImageDraw.Draw(panel), (1.5 * size, top), lines, face, fill=ink.quiet, leading=leading)
    return np.asarray(panel).astype(np.float32) / np.float32(255)


def _plan(cells: Sequence[Cell], columns: int | None, cell_width: int, type_width: int) -> _Layout:
    shapes = [np.shape(cell.pixels)[:2] for cell in cells]
    ratio = float(np.median([height / max(width, 1) for height, width in shapes]))
    height = round(cell_width * min(max(ratio, 1 / _WIDEST), _TALLEST))
    unit = type_width / 360
    return _Layout(
        columns=columns or _columns(len(cells), cell_width / (height + 60 * unit)),
        cell=(cell_width, height),
        margin=round(44 * unit),
        gap=round(28 * unit),
        sizes=(
            max(20, round(34 * unit)),
            max(13, round(19 * unit)),
            max(13, round(21 * unit)),
            max(11, round(16 * unit)),
        ),
    )


def _columns(count: int, cell_ratio: float) -> int:
    """Columns for a sheet near 3:2 with few empty places; ``cell_ratio`` is width over height."""

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        empty = rows * columns - count
        return abs(math.log(cell_ratio * columns / rows / 1.5)) + 3 * empty / count

    return min(range(1, count + 1), key=cost)


def _header(title: str, caption: str, layout: _Layout, ink: _Ink) -> Image.Image:
    """Title and caption, or just the upper margin."""
    room = layout.width - 2 * layout.margin
    large, small = font(layout.sizes[0], "-Bold"), font(layout.sizes[1])
    titles, captions = wrap(title, large, room), wrap(caption, small, room, lines=6)
    leading = (layout.sizes[0] * 1.3, layout.sizes[1] * 1.5)
    text_height = len(titles) * leading[0] + len(captions) * leading[1]
    space = layout.gap if text_height else 0
    band = _band(layout, round(layout.margin + text_height + space), ink)
    canvas = ImageDraw.Draw(band)
    top = layout.margin * 0.9
    draw_lines(canvas, (layout.margin, top), titles, large, fill=ink.text, leading=leading[0])
    top += len(titles) * leading[0] + layout.sizes[1] * 0.2
    draw_lines(canvas, (layout.margin, top), captions, small, fill=ink.quiet, leading=leading[1])
    return band


def _row(cells: Sequence[Cell], layout: _Layout, ink: _Ink) -> Image.Image:
    """One row of pictures with the text below them."""
    width, height = layout.cell
    label_face, detail_face = font(layout.sizes[2]), font(layout.sizes[3])
    leading = (layout.sizes[2] * 1.3, layout.sizes[3] * 1.4)
    texts = [
        (
            wrap(cell.label, label_face, width, lines=_LINES),
            wrap(cell.detail, detail_face, width, lines=_LINES),
        )
        for cell in cells
    ]
    text_height = max(len(label) * leading[0] + len(detail) * leading[1] for label, detail in texts)
    space = layout.sizes[2] * 0.55
    band = _band(layout, round(height + space + text_height + layout.gap), ink)
    canvas = ImageDraw.Draw(band)
    for column, (cell, (label, detail)) in enumerate(zip(cells, texts, strict=True)):
        left, top = layout.margin + column * (width + layout.gap), height + space
        _place(band, cell, (left, 0), layout.cell)
        draw_lines(canvas, (left, top), label, label_face, fill=ink.text, leading=leading[0])
        top += len(label) * leading[0]
        draw_lines(canvas, (left, top), detail, detail_face, fill=ink.quiet, leading=leading[1])
    return band


def _place(band: Image.Image, cell: Cell, at: tuple[int, int], box: tuple[int, int]) -> None:
    fitted = Image.fromarray(eight_bits(_fit(np.asarray(cell.shown), box)))
    left, top = at
    band.paste(fitted, (left, top + box[1] - fitted.height))  # against the left and its own label


def _fit(pixels: NDArray[Any], box: tuple[int, int]) -> NDArray[Any]:
    """``pixels`` as large as the box allows, in proportion."""
    eight_bits(pixels)  # refuses wrong shapes and values before they are resized into nonsense
    height, width = pixels.shape[:2]
    factor = min(box[0] / width, box[1] / height)
    if factor >= _BLOCKS_FROM:
        return enlarge_blocks(pixels, int(factor))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    return pixels if size == (height, width) else resize(pixels, *size)


def _band(layout: _Layout, height: int, ink: _Ink) -> Image.Image:
    return Image.new("RGB", (layout.width, height), ink.paper)
