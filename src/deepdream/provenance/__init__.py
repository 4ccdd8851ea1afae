"""Where a picture comes from: the recipe inside it, hashes, and files that are whole or not there."""

from deepdream.provenance.files import replacing, sha256_of, write_bytes, write_text
from deepdream.provenance.recipe import Recipe, read_recipe_text, versions

__all__ = ["Recipe", "read_recipe_text", "replacing", "sha256_of", "versions", "write_bytes", "write_text"]
