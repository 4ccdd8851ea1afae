"""torchvision's classification networks: the architectures, and the index of their published weights.

``torchvision.json`` is that index, made once by ``python -m deepdream.models.torchvision_networks`` and
shipped, so that listing what can be loaded imports neither torchvision nor torch (a test makes it again and
compares). torchvision's own loader is never used: it unpickles cached files without checking them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

INDEX = Path(__file__).with_name("torchvision.json")

#: The pretrained GoogLeNet and Inception v3 undo ImageNet's normalization inside the network
#: (``transform_input``) and want RGB in [-1, 1]. We build them without and normalize like that at once.
_SCALED_INPUT = ("googlenet", "inception_v3")
#: Heads that serve training only; our networks are built without them.
_TRAINING_ONLY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}


def build(network: str, *, classes: int, size: int, initialize: bool) -> nn.Module:
    """The architecture ``network`` (torchvision's name) with ``classes`` logits and no auxiliary heads.

    Args:
        network: As ``torchvision.models.get_model`` knows it.
        classes: Number of logits.
        size: Side in pixels of the pictures it takes; only vision transformers are built for one size.
        initialize: Draw the initial weights; leaving them undefined saves seconds in Inception networks.
    """
    from torchvision.models import get_model

    options: dict[str, Any] = {"num_classes": classes}
    if network in _SCALED_INPUT:
        options |= {"aux_logits": False, "transform_input": False, "init_weights": initialize}
    if network.startswith("vit_"):
        options["image_size"] = size
    module: nn.Module = get_model(network, weights=None, **options)
    return module


def ignored(network: str, tensor: str) -> bool:
    """Whether a checkpoint's tensor belongs to a head that only training needs."""
    return tensor.startswith(_TRAINING_ONLY.get(network, ()))


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
