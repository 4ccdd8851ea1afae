"""DeepDream and transparency: see what a network has learned, and check every explanation of it.

``import deepdream`` loads neither torch nor any other heavy package; a name does so on first use.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
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
    "Question": "deepdream.attribution",
    "State": "deepdream.dreaming",
    "Step": "deepdream.dreaming",
    "activation_atlas": "deepdream.dreaming.atlas",
    "activation_grid": "deepdream.dreaming.atlas",
    "advance": "deepdream.dreaming",
    "begin": "deepdream.dreaming",
    "check": "deepdream.attribution",
    "contact_sheet": "deepdream.images",
    "dream": "deepdream.dreaming",
    "estimate": "deepdream.dreaming",
    "explain": "deepdream.attribution",
    "finish": "deepdream.dreaming",
    "load_model": "deepdream.models",
    "masked": "deepdream.ascent",
    "measure": "deepdream.dreaming",
    "methods": "deepdream.attribution",
    "octaves": "deepdream.ascent",
    "parse_axis": "deepdream.dreaming",
    "parse_objective": "deepdream.ascent",
    "plan_for": "deepdream.plan",
    "read_picture": "deepdream.images",
    "render": "deepdream.dreaming",
    "render_all": "deepdream.dreaming",
    "start": "deepdream.dreaming",
    "variations": "deepdream.dreaming",
    "visualize": "deepdream.dreaming",
    "write_picture": "deepdream.images",
}


def __getattr__(name: str) -> Any:
    """A name of ``_HOMES``, or the function of a registered kind of objective, such as ``deepdream.layer``.

    ``__all__`` is made here, too: the kinds are known only when torch is loaded, which importing this package avoids.
    """
    if name == "__all__":
        return sorted({"__version__", *_HOMES, *_objectives()})
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    # A submodule that is not loaded yet is looked up here first, and must not load torch.
    if not name.startswith("_") and find_spec(f"deepdream.{name}") is None and name in _objectives():
        return _objectives()[name]
    raise AttributeError(f"module 'deepdream' has no attribute {name!r}")


def _objectives() -> Mapping[str, Callable[..., Any]]:
    """The functions of the registered kinds of objectives, by name. Loads torch."""
    makers: Mapping[str, Callable[..., Any]] = importlib.import_module("deepdream.ascent").OBJECTIVES
    return makers


def __dir__() -> list[str]:
    kinds = _objectives() if "deepdream.ascent" in sys.modules else ()
    return sorted({"__version__", *_HOMES, *kinds})
