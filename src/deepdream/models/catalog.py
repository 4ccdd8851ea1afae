"""What can be loaded by name, and what is known about it before anything is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from deepdream.errors import UnknownNameError

# A family registers itself when its file is imported; the order is that of the catalog.
from deepdream.models import embedded, timm_networks, torchvision_networks  # noqa: F401
from deepdream.models.families import FAMILIES
from deepdream.models.records import CatalogEntry


@cache
def catalog() -> Mapping[str, CatalogEntry]:
    """Every entry that is known without asking another package, by name."""
    return MappingProxyType({entry.name: entry for family in FAMILIES.values() for entry in family.entries()})


def find_entry(name: str) -> CatalogEntry:
    """The entry ``name``, those of families with a prefix (``timm:resnet18``) included.

    Raises:
        UnknownNameError: with the nearest names.
        UsageError: the package of such a family is not installed.
    """
    for family in FAMILIES.values():
        if family.prefix and family.entry and name.startswith(family.prefix):
            return family.entry(name)
    known = {key.casefold(): entry for key, entry in catalog().items()}
    if name.casefold() not in known:
        raise UnknownNameError("model", name, catalog(), listing="deepdream models")
    return known[name.casefold()]


def is_own_code(text: str) -> bool:
    """Whether ``text`` names a Python file, which makes a network when it is run, and nothing of the catalog.

    >>> is_own_code("net.py:build"), is_own_code("net.py"), is_own_code("timm:resnet18")
    (True, True, False)
    """
    return text.endswith(".py") or ".py:" in text
