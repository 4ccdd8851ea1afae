"""Does a map agree with the other methods' maps, more than the control maps do?"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from torch import Tensor

from deepdream.attribution.checks.check_registry import CheckResult, check_of_methods
from deepdream.attribution.checks.context import CheckContext, Measurement
from deepdream.attribution.checks.maps import to_cells
from deepdream.attribution.checks.similarity import compare
from deepdream.attribution.checks.tested_map import MapUnderTest
from deepdream.attribution.checks.verdicts import ControlScores, Verdict


def mean_similarity(heatmap: Tensor, others: Mapping[str, Tensor]) -> Measurement:
    """The mean similarity of a map to several others: Spearman of signed values, overlap of the tops, SSIM."""
    cells = to_cells(heatmap)
    pairs = [compare(cells, to_cells(other)) for other in others.values()]
    return Measurement(
        {
            "spearman": fmean(pair.spearman for pair in pairs),
            "top overlap": fmean(pair.top for pair in pairs),
            "ssim": fmean(pair.ssim for pair in pairs),
        }
    )


def _others(context: CheckContext, tested_map: MapUnderTest) -> dict[str, Tensor]:
    return {
        name: heatmap
        for name, heatmap in context.maps.items()
        if name != tested_map.method and bool(heatmap.isfinite().all())
    }


@check_of_methods(
    "agreement",
    order=60,
    report="details",
    better="higher",
    applies=lambda context, tested_map: (
        None if _others(context, tested_map) else "it needs another method to agree with (--method twice)"
    ),
    question="Does the map agree with the other methods' maps?",
    paper="Krishna et al. 2022, The disagreement problem in explainable machine learning, arXiv:2202.01602",
    good="above every control; methods that agree may share a fault",
    cost="nothing",
)
def agreement(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """The mean similarity to the other methods' maps; the controls are compared with the same maps."""
    others = _others(context, tested_map)
    measured = mean_similarity(tested_map.heatmap, others)
    controls = {name: mean_similarity(heatmap, others) for name, heatmap in context.controls.items()}
    scores = ControlScores.by_variant({name: control.values for name, control in controls.items()})
    name, best = scores["spearman"].best("higher")
    # In words only: that methods agree does not make them right, nor does it make an outsider wrong.
    words = f"agrees with the others no more than {name} ({best:.2g}): they do not all show one thing"
    if measured.values["spearman"] > best:
        words = "agrees with the others more than every control; they may share a fault"
    return CheckResult.of(
        "agreement",
        tested_map,
        measured,
        verdict=Verdict(words, None),
        control_scores=scores,
        main=("spearman",),
    )
