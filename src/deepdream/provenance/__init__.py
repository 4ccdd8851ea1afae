"""Where a picture comes from: the recipe inside it, hashes, and files that are whole or not there."""

from deepdream.provenance.files import replacing, sha256_of, write_bytes, write_text
from deepdream.provenance.recipe import Recipe, read_recipe_text, versions
from deepdream.provenance.resources import Resource, find_resource, is_pinned, pin

__all__ = [
    "Recipe",
    "Resource",
    "find_resource",
    "is_pinned",
    "pin",
    "read_recipe_text",
    "replacing",
    "sha256_of",
    "versions",
    "write_bytes",
    "write_text",
]
