"""Writes ``layer_names.json``, the main layers of well-known networks for the completion in a shell.

Run it after the names of layers change: ``python -m deepdream.cli.layer_names``. No weights are downloaded.
"""

from __future__ import annotations

import json
from pathlib import Path

#: Networks whose layers a shell completes: the embedded ones, and those that papers on feature visualization use.
NETWORKS = (
    "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "alexnet", "densenet121", "googlenet",
    "inception_v3", "mobilenet_v2", "resnet18", "resnet34", "resnet50", "resnet101", "squeezenet1_1", "vgg16", "vgg19",
)  # fmt: skip


def main_layers(name: str) -> list[str]:
    """The layers of a network that ``deepdream layers`` lists, in order."""
    from deepdream.models import load_model

    model = load_model(name, weights="random", device="cpu")
    return [layer.name for layer in model.layers.values() if layer.main]


def write_names() -> None:
    """Write the file beside this one."""
    rows = [f"{json.dumps(name)}: {json.dumps(main_layers(name))}" for name in NETWORKS]
    text = "{\n" + ",\n".join(rows) + "\n}\n"
    Path(__file__).with_name("layer_names.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_names()
