"""DeepDream and transparency: see what a network has learned, and check every explanation of it.

``import deepdream`` loads neither torch nor any other heavy package; a name does so on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "DreamResult": "deepdream.dreaming",
    "Explanation": "deepdream.attribution",
    "Layer": "deepdream.models",
    "Model": "deepdream.models",
    "Networks": "deepdream.models",
    "Objective": "deepdream.ascent",
    "Picture": "deepdream.images",
    "Plan": "deepdream.plan",
    "State": "deepdream.dreaming",
    "Step": "deepdream.dreaming",
    "activation_atlas": "deepdream.dreaming.atlas",
    "activation_grid": "deepdream.dreaming.atlas",
    "advance": "deepdream.dreaming",
    "caricature": "deepdream.ascent",
    "channel": "deepdream.ascent",
    "contact_sheet": "deepdream.images",
    "direction": "deepdream.ascent",
    "diversity": "deepdream.ascent",
    "dream": "deepdream.dreaming",
    "estimate": "deepdream.dreaming",
    "explain": "deepdream.attribution",
    "guide": "deepdream.ascent",
    "layer": "deepdream.ascent",
    "load_model": "deepdream.models",
    "logit": "deepdream.ascent",
    "masked": "deepdream.ascent",
    "measure": "deepdream.dreaming",
    "methods": "deepdream.attribution",
    "neuron": "deepdream.ascent",
    "octaves": "deepdream.ascent",
    "parse_axis": "deepdream.dreaming",
    "parse_objective": "deepdream.ascent",
    "plan_for": "deepdream.plan",
    "read_picture": "deepdream.images",
    "render": "deepdream.dreaming",
    "render_all": "deepdream.dreaming",
    "start": "deepdream.dreaming",
    "sweep": "deepdream.dreaming",
    "total_variation": "deepdream.ascent",
    "variations": "deepdream.dreaming",
    "visualize": "deepdream.dreaming",
    "write_picture": "deepdream.images",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'deepdream' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | set(_HOMES))
