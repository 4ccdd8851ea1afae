"""What can be loaded by name, and what is known about it before anything is downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from deepdream.errors import UnknownNameError
from deepdream.models.embedded import EMBEDDED, PREFERRED_LAYER, preprocessing_of
from deepdream.models.records import CatalogEntry, Preprocessing
from deepdream.models.torchvision_networks import INDEX

#: Where to dream unless asked otherwise: layers that show whole parts of objects in the networks people know.
#: GoogLeNet's 4c is the "inception_4c/output" of the first DeepDream notebook.
_PREFERRED_LAYERS = {
    "googlenet": "inception4c",
    "inception_v3": "Mixed_6a",
    "vgg16": "features.22",
    "vgg19": "features.24",
    "resnet50": "layer3",
    "resnet101": "layer3",
}

#: Top-1 accuracy in percent as published with the Lite variants (float, their own input size).
_LITE_ACCURACY = {"efficientnet_lite0": 75.1, "efficientnet_lite1": 76.7, "efficientnet_lite2": 77.6}
_LITE_PARAMETERS = {
    "efficientnet_lite0": 4_652_008,
    "efficientnet_lite1": 5_416_680,
    "efficientnet_lite2": 6_092_072,
}


@cache
def catalog() -> Mapping[str, CatalogEntry]:
    """Every entry that is known without asking another package, by name."""
    rows = json.loads(INDEX.read_text(encoding="utf-8"))
    entries = [_embedded(name) for name in EMBEDDED] + [_torchvision(row) for row in rows]
    return MappingProxyType({entry.name: entry for entry in entries})


def find_entry(name: str) -> CatalogEntry:
    """The entry ``name``, timm's networks included.

    Raises:
        UnknownNameError: with the nearest names.
        UsageError: a ``timm:`` name, and timm is not installed.
    """
    if name.startswith("timm:"):
        from deepdream.models.timm_networks import entry

        return entry(name)
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


def _embedded(name: str) -> CatalogEntry:
    weights = EMBEDDED[name]
    return CatalogEntry(
        name=name,
        network=name,
        source="embedded",
        file=weights.file,
        hash=weights.sha256,
        bytes=weights.bytes,
        package=weights.package,
        license=weights.license,
        accuracy=_LITE_ACCURACY[name],
        parameters=_LITE_PARAMETERS[name],
        preprocessing=preprocessing_of(name),
        preferred_layer=PREFERRED_LAYER,
    )


def _torchvision(row: dict[str, Any]) -> CatalogEntry:
    network = row["network"]
    plan = row["preprocessing"]
    return CatalogEntry(
        name=network if row["default"] else f"{network}@{row['weights']}",
        network=network,
        source="torchvision",
        file=row["file"],
        hash=row["hash_prefix"],
        bytes=row["bytes"],
        url=row["url"],
        license=row["license"],
        accuracy=row["accuracy"],
        classes=row["classes"],
        parameters=row["parameters"],
        minimum_size=row["minimum_size"],
        preprocessing=Preprocessing(**{**plan, "mean": tuple(plan["mean"]), "std": tuple(plan["std"])}),
        preferred_layer=_PREFERRED_LAYERS.get(network),
    )
