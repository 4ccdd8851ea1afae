"""Explaining a prediction: one registry of methods, one result, and checks of how far to trust it.

``explain`` runs one method, ``check`` measures its map beside control maps, ``methods`` lists all methods. Importing
this package loads no torch: a name does so on first use. It is the only package that uses captum.

    from deepdream import load_model
    from deepdream.attribution import check, explain
    explanation = explain(model, image, "grad-cam")
    results = check(model, image, "grad-cam")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdream.attribution.baselines import make_baseline
    from deepdream.attribution.checks.check_registry import (
        Check,
        CheckResult,
        all_checks,
        check_of_maps,
        check_of_methods,
        find_check,
    )
    from deepdream.attribution.checks.checking import check
    from deepdream.attribution.explaining import explain
    from deepdream.attribution.explanation import Explanation
    from deepdream.attribution.method_options import Meaning, MethodOption
    from deepdream.attribution.question import Question
    from deepdream.attribution.registry import Method, Outcome, find_method, methods, read_options, register
    from deepdream.attribution.score_function import ScoreFunction
    from deepdream.attribution.score_layers import find_layer

_MODULES = {
    "Check": "checks.check_registry",
    "CheckResult": "checks.check_registry",
    "Explanation": "explanation",
    "Meaning": "method_options",
    "Method": "registry",
    "MethodOption": "method_options",
    "Outcome": "registry",
    "Question": "question",
    "ScoreFunction": "score_function",
    "all_checks": "checks.check_registry",
    "check": "checks.checking",
    "check_of_maps": "checks.check_registry",
    "check_of_methods": "checks.check_registry",
    "explain": "explaining",
    "find_check": "checks.check_registry",
    "find_layer": "score_layers",
    "find_method": "registry",
    "make_baseline": "baselines",
    "methods": "registry",
    "read_options": "registry",
    "register": "registry",
}

__all__ = [
    "Check",
    "CheckResult",
    "Explanation",
    "Meaning",
    "Method",
    "MethodOption",
    "Outcome",
    "Question",
    "ScoreFunction",
    "all_checks",
    "check",
    "check_of_maps",
    "check_of_methods",
    "explain",
    "find_check",
    "find_layer",
    "find_method",
    "make_baseline",
    "methods",
    "read_options",
    "register",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
