"""An atlas as one self-contained page: the map, and behind every cell its classes and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdream.dreaming.atlas import Atlas, Tile, seen_as
from deepdream.images import resize
from deepdream.models import Model
from deepdream.pages import Html, Section, facts, page, photo, prose, tag, unseen

_SOURCES = 4  # shown behind a cell
_WIDTHS = 5  # classes of the style sheet: how large a cell is drawn

Floats = NDArray[np.float32]


def atlas_page(
    model: Model,
    atlas: Atlas,
    pictures: Sequence[Floats],
    *,
    title: str,
    picture: Floats | None = None,
    settings: dict[str, object] | None = None,
) -> str:
    """The whole HTML document.

    Args:
        pictures: (side, side, 3) in [0, 1], one for each tile.
        picture: The one that a grid was made of; None for an atlas of many.
        settings: Further facts to be told.
    """
    several = picture is None
    words = (
        "Each cell shows what the network sees, on average, in parts of pictures that it takes for alike. "
        "Point at a cell, or go there with the tab key, for the parts it comes from."
        if several
        else "Each cell shows what one layer sees at that place of the picture."
    )
    sections = [Section("map", "The map", _title(atlas), _map(model, atlas, pictures, picture), words)]
    if picture is not None:
        drawing = photo(picture, "the picture")
        sections.insert(0, Section("picture", "The picture", "The picture", drawing))
    sections.append(Section("how", "How to read it", "How to read it", _how(atlas, several, settings or {})))
    kicker = f"{model.name}, layer {atlas.layer}"
    return page(title=title, kicker=kicker, lead=_lead(atlas, several), sections=sections)


def _title(atlas: Atlas) -> str:
    return f"{len(atlas.tiles)} directions of {atlas.layer}"


def _lead(atlas: Atlas, several: bool) -> str:
    if not several:
        return f"What {atlas.layer} sees at {atlas.rows} x {atlas.columns} places of one picture."
    count = 0 if atlas.samples is None else len(atlas.samples.activations)
    return (
        f"{count:,} activations of {atlas.layer}, laid out so that what the network takes for alike is near."
    )


def _map(model: Model, atlas: Atlas, pictures: Sequence[Floats], picture: Floats | None) -> Html:
    by_place = {(tile.row, tile.column): n for n, tile in enumerate(atlas.tiles)}

    def place(row: int, column: int) -> Html:
        number = by_place.get((row, column))
        if number is None:
            return tag("td")
        tile = atlas.tiles[number]
        return _place(model, atlas, tile, pictures[number], _sources(atlas, tile, picture))

    rows = [tag("tr", *(place(row, column) for column in range(atlas.columns))) for row in range(atlas.rows)]
    table = tag("table", tag("tbody", *rows), class_="atlas", role="presentation")
    return tag("div", table, class_="scroll atlas-frame")


def _place(model: Model, atlas: Atlas, tile: Tile, picture: Floats, sources: list[Html]) -> Html:
    samples = atlas.samples
    classes = seen_as(model, samples, tile.members) if samples is not None and tile.members else []
    words = _words(tile, classes)
    width = max(1, round(tile.weight * _WIDTHS)) if samples is not None else _WIDTHS
    about = tag(
        "span",
        tag("strong", f"row {tile.row + 1}, column {tile.column + 1}"),
        *(tag("span", line) for line in words),
        tag("span", *sources, class_="sources") if sources else None,
        class_="about-cell",
    )
    image = photo(picture, f"{atlas.layer}, row {tile.row + 1}, column {tile.column + 1}: {'; '.join(words)}")
    side = " right" if tile.column >= atlas.columns / 2 else ""
    return tag("td", tag("div", image, about, class_=f"cell w{width}{side}", tabindex=0, role="group"))


def _words(tile: Tile, classes: Sequence[tuple[str, float]]) -> list[str]:
    words = []
    if tile.members:
        words.append(f"mean of {len(tile.members)} activations")
    if tile.classes:
        words.append("supports " + ", ".join(f"{label} ({score:.1f})" for label, score in tile.classes))
    if classes:
        words.append("from crops seen as " + ", ".join(f"{label} {share:.0%}" for label, share in classes))
    return words or ["a direction of the layer"]


def _spread(members: Sequence[int]) -> list[int]:
    """A few of ``members``, evenly apart: neighbors are often from the same crop."""
    count = min(_SOURCES, len(members))
    return [members[round(i * (len(members) - 1) / max(count - 1, 1))] for i in range(count)]


def _sources(atlas: Atlas, tile: Tile, picture: Floats | None) -> list[Html]:
    """Where a cell comes from: a few of its samples, or its place in the one picture, with what is around it."""
    if atlas.samples is not None:
        parts: list[NDArray[Any]] = [
            atlas.samples.patches[n] / np.float32(255) for n in _spread(tile.members)
        ]
    elif picture is not None:
        parts = [
            _around(
                picture, tile.row / atlas.rows, tile.column / atlas.columns, 1 / atlas.rows, 1 / atlas.columns
            )
        ]
    else:
        parts = []
    return [photo(resize(part, 48, 48), "a part of a picture") for part in parts]


def _around(picture: Floats, top: float, left: float, high: float, wide: float) -> Floats:
    """A part of ``picture`` and half as much on each side; places and sizes are shares of the whole."""
    height, width = picture.shape[:2]
    rows = slice(max(0, round((top - high / 2) * height)), max(1, round((top + 1.5 * high) * height)))
    columns = slice(max(0, round((left - wide / 2) * width)), max(1, round((left + 1.5 * wide) * width)))
    return picture[rows, columns]


def _how(atlas: Atlas, several: bool, settings: dict[str, object]) -> Html:
    steps: Callable[..., Html] = prose
    first = (
        "Activations were taken at random places of random crops of the pictures and laid out by t-SNE, which keeps "
        "neighbors near each other; distances between far cells mean nothing. Each cell is the mean of what lies in "
        "it, minus the mean of all, and its picture was made from noise to answer in that direction. Larger cells "
        "stand for more activations. Carter et al. 2019, Activation Atlas, Distill."
        if several
        else "The activation at each place is one direction among the channels of the layer; its picture was made from "
        "noise to answer in that direction. Olah et al. 2018, The Building Blocks of Interpretability, Distill."
    )
    readout = any(tile.classes for tile in atlas.tiles)
    second = (
        "The layer's mean decides the classes linearly, so each cell tells what it supports (logits)."
        if readout
        else "At this layer no class can be read off a direction; the crops behind a cell tell what they were seen as."
        if several
        else "At this layer no class can be read off a direction."
    )
    third = "A picture shows what would answer most strongly, not what was there: read it beside its sources."
    return tag("div", steps(first, second, third), facts(settings), unseen("end of the page"))
