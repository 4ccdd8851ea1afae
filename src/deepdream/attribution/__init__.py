"""Explaining a prediction: one registry of methods, one result, and what can be said against it.

The only room for captum. ``explain`` runs one method; ``methods`` lists them all; a method is one decorated
function in one file, and the command line, the documentation, the tests and the report read the registry.
"""

from deepdream.attribution.explanation import Explanation
from deepdream.attribution.registry import Method, Outcome, find_method, methods, register
from deepdream.attribution.running import explain, pose
from deepdream.attribution.score_function import ScoreFunction, find_layer, make_baseline

__all__ = [
    "Explanation",
    "Method",
    "Outcome",
    "ScoreFunction",
    "explain",
    "find_layer",
    "find_method",
    "make_baseline",
    "methods",
    "pose",
    "register",
]
