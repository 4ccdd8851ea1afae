"""Pictures in and out: the only package for Pillow, tifffile and color management.

``read_picture`` turns any picture file into upright sRGB floats and says what it did; ``write_picture`` and
``write_animation`` write whole files or none, with the recipe inside; ``contact_sheet`` puts many pictures
on one. Importing this package loads neither torch nor Pillow: each function is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdream.images.animation import write_animation
    from deepdream.images.checkers import on_checkers, unlaid
    from deepdream.images.formats import PICTURE_FORMATS, Movement, PictureFormat, still_formats
    from deepdream.images.picture import Picture
    from deepdream.images.reader import MAX_PIXELS, read_picture
    from deepdream.images.recipes import MAX_RECIPE_BYTES, read_recipe
    from deepdream.images.resizing import resize
    from deepdream.images.sheet import Cell, contact_sheet, notice
    from deepdream.images.writer import encode, write_picture

#: The file of each public name.
_HOMES = {
    "MAX_PIXELS": "reader",
    "MAX_RECIPE_BYTES": "recipes",
    "PICTURE_FORMATS": "formats",
    "Cell": "sheet",
    "Movement": "formats",
    "Picture": "picture",
    "PictureFormat": "formats",
    "contact_sheet": "sheet",
    "encode": "writer",
    "notice": "sheet",
    "on_checkers": "checkers",
    "read_picture": "reader",
    "read_recipe": "recipes",
    "resize": "resizing",
    "still_formats": "formats",
    "unlaid": "checkers",
    "write_animation": "animation",
    "write_picture": "writer",
}

__all__ = [
    "MAX_PIXELS",
    "MAX_RECIPE_BYTES",
    "PICTURE_FORMATS",
    "Cell",
    "Movement",
    "Picture",
    "PictureFormat",
    "contact_sheet",
    "encode",
    "notice",
    "on_checkers",
    "read_picture",
    "read_recipe",
    "resize",
    "still_formats",
    "unlaid",
    "write_animation",
    "write_picture",
]


def __getattr__(name: str) -> Any:
    """A public name, from its file."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
