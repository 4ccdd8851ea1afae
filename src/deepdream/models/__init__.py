"""Networks: loading them, preparing them for use, and their weight files.

The only room for torchvision and timm, which are imported only for the networks that need them. The names are
loaded on first use, so that listing the networks needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdream.models.catalog import find_entry, is_own_code
    from deepdream.models.combined import Networks
    from deepdream.models.layers import Layer
    from deepdream.models.loading import load_model
    from deepdream.models.network import Model
    from deepdream.models.random_weights import RandomWeights, parse_weights
    from deepdream.models.records import CatalogEntry, Preprocessing, WeightsRecord

_HOMES = {
    "CatalogEntry": "records",
    "Layer": "layers",
    "Model": "network",
    "Networks": "combined",
    "Preprocessing": "records",
    "RandomWeights": "random_weights",
    "WeightsRecord": "records",
    "find_entry": "catalog",
    "is_own_code": "catalog",
    "load_model": "loading",
    "parse_weights": "random_weights",
}

__all__ = [
    "CatalogEntry",
    "Layer",
    "Model",
    "Networks",
    "Preprocessing",
    "RandomWeights",
    "WeightsRecord",
    "find_entry",
    "is_own_code",
    "load_model",
    "parse_weights",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
