"""How far can an explanation be trusted? One registry of checks; each number stands beside its controls.

A check is one decorated function in one file of this folder: ``check_of_maps`` for what can be measured of any map
(the controls are measured by the same function), ``check_of_methods`` for what needs the method itself.
"""

from deepdream.attribution.checks.check_registry import (
    Check,
    CheckResult,
    all_checks,
    check_of_maps,
    check_of_methods,
    find_check,
)
from deepdream.attribution.checks.checking import (
    REDUCED_PASSES,
    NotApplicable,
    check,
    checked,
    explained,
    map_under_test,
    plan_curves,
    recomputations,
)
from deepdream.attribution.checks.context import SUBSTRATES, CheckContext, Measurement
from deepdream.attribution.checks.maps import CELLS, EDGES, GAUSSIAN, control_maps
from deepdream.attribution.checks.similarity import Agreement, Similarity, agreement, compare
from deepdream.attribution.checks.tested_map import MapUnderTest
from deepdream.attribution.checks.timing import Clock
from deepdream.attribution.checks.verdicts import ControlScores, Verdict, judge

__all__ = [
    "CELLS",
    "EDGES",
    "GAUSSIAN",
    "REDUCED_PASSES",
    "SUBSTRATES",
    "Agreement",
    "Check",
    "CheckContext",
    "CheckResult",
    "Clock",
    "ControlScores",
    "MapUnderTest",
    "Measurement",
    "NotApplicable",
    "Similarity",
    "Verdict",
    "agreement",
    "all_checks",
    "check",
    "check_of_maps",
    "check_of_methods",
    "checked",
    "compare",
    "control_maps",
    "explained",
    "find_check",
    "judge",
    "map_under_test",
    "plan_curves",
    "recomputations",
]
