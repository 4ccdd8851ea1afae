"""torchvision's classification networks: the architectures, and the index of their published weights.

``torchvision.json`` is that index, made once by ``python -m deepdream.models.torchvision_networks`` and
shipped, so that listing what can be loaded imports neither torchvision nor torch (a test makes it again and
compares). torchvision's own loader is never used: it unpickles cached files without checking them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.models.cache import torch_folder
from deepdream.models.families import NetworkFamily, WeightLocation, register
from deepdream.models.records import CatalogEntry, Preprocessing

if TYPE_CHECKING:
    from torch import nn

INDEX = Path(__file__).with_name("torchvision.json")

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
#: The pretrained GoogLeNet and Inception v3 undo ImageNet's normalization inside the network
#: (``transform_input``) and want RGB in [-1, 1]. We build them without and normalize like that at once.
_SCALED_INPUT = ("googlenet", "inception_v3")
#: Heads that serve training only; our networks are built without them.
_TRAINING_ONLY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}


def _build(entry: CatalogEntry, classes: int, initialize: bool) -> nn.Module:
    """The architecture with ``classes`` logits and no auxiliary heads."""
    from torchvision.models import get_model

    network = entry.network
    options: dict[str, Any] = {"num_classes": classes}
    if network in _SCALED_INPUT:
        options |= {"aux_logits": False, "transform_input": False, "init_weights": initialize}
    if network.startswith("vit_"):
        options["image_size"] = entry.preprocessing.crop
    module: nn.Module = get_model(network, weights=None, **options)
    return module


def _is_for_training(entry: CatalogEntry, tensor: str) -> bool:
    return tensor.startswith(_TRAINING_ONLY.get(entry.network, ()))


def _hub_location(entry: CatalogEntry) -> Iterator[WeightLocation]:
    yield WeightLocation(torch_folder() / entry.file, f"file {entry.file} from torchvision")


def _entries() -> list[CatalogEntry]:
    return [_entry(row) for row in json.loads(INDEX.read_text(encoding="utf-8"))]


def _entry(row: dict[str, Any]) -> CatalogEntry:
    network, plan = row["network"], row["preprocessing"]
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


register(
    NetworkFamily(
        "torchvision",
        _build,
        _entries,
        cached_elsewhere=_hub_location,
        is_for_training=_is_for_training,
    )
)


def make_index() -> list[dict[str, Any]]:
    """One row for each published set of weights, the default of each network first.

    VGG16's IMAGENET1K_FEATURES is left out: its classifier holds NaN only, so it has no logits.
    """
    from torchvision import models

    rows = []
    for network in models.list_models(module=models):
        entries = models.get_model_weights(network)
        usable = [weights for weights in entries if weights.meta["categories"]]
        usable.sort(key=lambda weights: (weights is not entries.DEFAULT, weights.name))
        rows += [_row(network, weights, weights is entries.DEFAULT) for weights in usable]
    return rows


def _row(network: str, weights: Any, default: bool) -> dict[str, Any]:
    file = weights.url.rsplit("/", 1)[-1]
    (accuracy,) = (metrics["acc@1"] for metrics in weights.meta["_metrics"].values())
    return {
        "network": network,
        "weights": weights.name,
        "default": default,
        "file": file,
        "url": weights.url,
        # torchvision states MiB to three decimals, so this is right within 525 bytes.
        "bytes": round(weights.meta["_file_size"] * 2**20),
        "hash_prefix": file.rsplit("-", 1)[-1].split(".")[0],
        "license": "CC-BY-NC-4.0 (SWAG)" if "license" in weights.meta else "BSD-3-Clause",
        "accuracy": accuracy,
        "classes": len(weights.meta["categories"]),
        "minimum_size": max(weights.meta["min_size"]),
        "parameters": weights.meta["num_params"],
        "preprocessing": _preprocessing(network, weights.transforms()),
    }


def _preprocessing(network: str, transforms: Any) -> dict[str, Any]:
    scaled = network in _SCALED_INPUT
    half = [0.5, 0.5, 0.5]
    return {
        "mean": half if scaled else list(transforms.mean),
        "std": half if scaled else list(transforms.std),
        "resize": transforms.resize_size[0],
        "crop": transforms.crop_size[0],
        "interpolation": transforms.interpolation.value,
        "fixed": network.startswith(("vit_", "maxvit")),
    }


def main() -> None:
    """Write the index anew."""
    rows = ",\n".join(json.dumps(row) for row in make_index())
    INDEX.write_text(f"[\n{rows}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
