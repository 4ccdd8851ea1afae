"""Pictures in and out: the only room for Pillow and color management.

``read_picture`` turns any picture file into upright sRGB floats and says what it did; ``write_picture`` and
``write_animation`` write whole files or none, with the recipe inside; ``contact_sheet`` puts many pictures
on one. Importing this room does not import torch.
"""

from deepdream.images.animation import write_animation
from deepdream.images.checkers import on_checkers, unlaid
from deepdream.images.picture import Picture
from deepdream.images.reader import MAX_PIXELS, read_picture
from deepdream.images.recipes import MAX_RECIPE_BYTES, read_recipe
from deepdream.images.resizing import resize
from deepdream.images.sheet import Cell, contact_sheet, notice
from deepdream.images.writer import SUFFIXES, encode, write_picture

__all__ = [
    "MAX_PIXELS",
    "MAX_RECIPE_BYTES",
    "SUFFIXES",
    "Cell",
    "Picture",
    "contact_sheet",
    "encode",
    "notice",
    "on_checkers",
    "read_picture",
    "read_recipe",
    "resize",
    "unlaid",
    "write_animation",
    "write_picture",
]
