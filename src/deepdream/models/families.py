"""The families of networks: one object says what a family has, how it is built and where its weights may lie.

A family is a file that makes a ``NetworkFamily`` and registers it; ``catalog`` imports that file. Nothing here imports
torch, so that listing networks stays quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from deepdream.models.records import CatalogEntry


@dataclass(frozen=True)
class WeightLocation:
    """A path where weights may lie, and what a record calls it.

    Attributes:
        sha256: The whole sum, where the location itself states it (the Hugging Face hub names files so).
        ours: Whether this program put it there and may replace it.
    """

    path: Path
    origin: str
    sha256: str = ""
    ours: bool = False


def _none(_: CatalogEntry) -> Iterator[WeightLocation]:
    return iter(())


@dataclass(frozen=True)
class NetworkFamily:
    """Networks that come from one source.

    Attributes:
        name: What ``CatalogEntry.source`` says: ``torchvision``.
        build: The architecture of an entry, with so many classes; the last argument says whether the initial weights
            are to be drawn, or may be left undefined, which saves time.
        entries: Entries that are known without asking another package; they are the catalog.
        prefix: Names that begin so belong to the family, and ``entry`` looks them up.
        entry: The entry of a name with the prefix. Raises UnknownNameError, UsageError.
        names: Every name with the prefix.
        installed: Where a package has brought the weights; the first choice.
        cached_elsewhere: Where other programs may have downloaded them; the last choice.
        hollow: Whether the architecture can be built without memory, for tensors that bring theirs.
        is_for_training: Whether a tensor of a checkpoint, by name, belongs to a head that only training uses.
    """

    name: str
    build: Callable[[CatalogEntry, int, bool], nn.Module]
    entries: Callable[[], Iterable[CatalogEntry]] = tuple
    prefix: str = ""
    entry: Callable[[str], CatalogEntry] | None = None
    names: Callable[[], list[str]] | None = None
    installed: Callable[[CatalogEntry], Iterator[WeightLocation]] = _none
    cached_elsewhere: Callable[[CatalogEntry], Iterator[WeightLocation]] = _none
    hollow: bool = False
    is_for_training: Callable[[CatalogEntry, str], bool] = lambda *_: False


#: Every family by its name.
FAMILIES: dict[str, NetworkFamily] = {}


def register(family: NetworkFamily) -> None:
    """Add a family to the catalog."""
    FAMILIES[family.name] = family
