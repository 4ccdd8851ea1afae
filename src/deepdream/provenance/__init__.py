"""Where a picture comes from: the recipe inside it, hashes, and files that are whole or not there."""

from deepdream.provenance.files import replacing, sha256_of, write_bytes, write_text
from deepdream.provenance.recipe import Prediction, Recipe, versions
from deepdream.provenance.recipe_reading import read_recipe_text
from deepdream.provenance.resources import Resource, find_resource, is_pinned, pin
from deepdream.provenance.sheet_record import SheetRecord, is_sheet_text, read_sheet_text

__all__ = [
    "Prediction",
    "Recipe",
    "Resource",
    "SheetRecord",
    "find_resource",
    "is_pinned",
    "is_sheet_text",
    "pin",
    "read_recipe_text",
    "read_sheet_text",
    "replacing",
    "sha256_of",
    "versions",
    "write_bytes",
    "write_text",
]
