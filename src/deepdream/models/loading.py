"""Loading a network by name."""

from __future__ import annotations

import torch

from deepdream.errors import UnknownNameError, WeightsError
from deepdream.models import efficientnet_lite
from deepdream.models.embedded import EMBEDDED, PREFERRED_LAYER, imagenet_labels, preprocessing_of
from deepdream.models.network import Model, WeightsRecord


def load_model(name: str = "efficientnet_lite0", *, device: str = "auto") -> Model:
    if name not in EMBEDDED:
        raise UnknownNameError("model", name, EMBEDDED, listing="deepdream models")
    entry = EMBEDDED[name]
    path = entry.find()
    if path is None:
        raise WeightsError(f"{name} needs the package {entry.package}")
    net = efficientnet_lite.build(name)
    tensors = torch.load(path, weights_only=True, map_location="cpu")
    net.load_state_dict(dict(zip(net.state_dict(), tensors.values(), strict=True)))
    net.eval()
    return Model(net, name, preprocessing_of(name), imagenet_labels(),
                 WeightsRecord(f"package {entry.package}", entry.sha256, entry.license), PREFERRED_LAYER)
