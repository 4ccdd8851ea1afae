"""The lecture's words, each with what it means here."""

from __future__ import annotations

from importlib import resources

from deepdream.errors import UnknownNameError

__all__ = ["define", "glossary"]


def glossary() -> dict[str, str]:
    """Every term and its definition, in the order of the lecture."""
    text = resources.files("deepdream.lecture").joinpath("words/glossary.md").read_text("utf-8")
    entries = [block.split("\n: ") for block in text.strip().split("\n\n")[1:]]
    return {term: " ".join(lines) for term, *lines in entries}


def define(term: str) -> str:
    """What ``term`` means. Raises UnknownNameError.

    >>> define("epoch")
    'One pass over all training samples.'
    """
    known = {name.casefold(): definition for name, definition in glossary().items()}
    if term.casefold() not in known:
        raise UnknownNameError("term", term, glossary(), listing="deepdream lecture glossary")
    return known[term.casefold()]
