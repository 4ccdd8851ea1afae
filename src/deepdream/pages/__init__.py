"""One look for every self-contained HTML page: layout, inline styles and scripts, pictures and numbers inside."""

from deepdream.pages.embedded_files import data_uri, drawing, numbers, photo, plot
from deepdream.pages.html_parts import (
    bullets,
    card,
    cards,
    facts,
    folded,
    meter,
    prose,
    row,
    shaded,
    stack,
    table,
    unseen,
)
from deepdream.pages.layout import Section, page, policy
from deepdream.pages.markup import Html, joined, tag

__all__ = [
    "Html",
    "Section",
    "bullets",
    "card",
    "cards",
    "data_uri",
    "drawing",
    "facts",
    "folded",
    "joined",
    "meter",
    "numbers",
    "page",
    "photo",
    "plot",
    "policy",
    "prose",
    "row",
    "shaded",
    "stack",
    "table",
    "tag",
    "unseen",
]
