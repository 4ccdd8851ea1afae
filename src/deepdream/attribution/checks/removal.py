"""Hiding and showing the cells of a picture in the order of a map: deletion, insertion, sufficiency.

On cells of 16 pixels, not on pixels, and on two substrates: pixel-wise deletion to black rewards noise (a
random map gets 0.015 where Grad-CAM gets 0.11), because scattered black pixels destroy any prediction.
"""

from __future__ import annotations

import torch
from torch import Tensor

from deepdream.attribution.checks.check_registry import check_of_maps
from deepdream.attribution.checks.context import SUBSTRATES, CheckContext, Measurement
from deepdream.attribution.checks.maps import order_of_cells, to_cells

#: The share of the whole picture's probability that counts as "sufficient".
SUFFICIENT = 0.5


def steps_of(count: int, steps: int) -> Tensor:
    """How many of ``count`` cells are replaced at each point of a curve: from 0 to all."""
    return torch.linspace(0, count, min(steps, count) + 1).round().long()


def replaced_cells(order: Tensor, steps: int) -> Tensor:
    """bool (points, cells): the cells that are replaced at each point, the first of ``order`` first."""
    # The inverse of the permutation: the rank at which each cell is replaced.
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    return rank[None] < steps_of(len(order), steps)[:, None]


def area(curve: Tensor, steps: Tensor) -> float:
    """Area under ``curve`` over the share of cells, by trapezoids.

    >>> area(torch.tensor([1.0, 0.0]), torch.tensor([0, 4]))
    0.5
    """
    return float(torch.trapezoid(curve.double(), steps.double() / steps[-1]))


def deletion_curve(context: CheckContext, heatmap: Tensor, substrate: str) -> Tensor:
    """The class's probability while the cells that matter most are hidden first, float64 (points,)."""
    return context.kept(substrate, ~cells_of_map(context, heatmap))


def insertion_curve(context: CheckContext, heatmap: Tensor, substrate: str) -> Tensor:
    """The class's probability while the cells that matter most are shown first, float64 (points,)."""
    return context.kept(substrate, cells_of_map(context, heatmap))


def cells_of_map(context: CheckContext, heatmap: Tensor) -> Tensor:
    """bool (points, cells): the cells that a map ranks first, at each point of a curve."""
    return replaced_cells(order_of_cells(to_cells(heatmap), seed=context.seed), context.steps)


def _measurement(context: CheckContext, curves: dict[str, Tensor]) -> Measurement:
    steps = steps_of(context.grid[0] * context.grid[1], context.steps)
    values = {name: area(curve, steps) for name, curve in curves.items()}
    return Measurement(values, {name: tuple(curve.tolist()) for name, curve in curves.items()})


@check_of_maps(
    "deletion",
    order=100,
    curve=True,
    # At most: the two ends of a curve are the same for all maps and are computed once.
    each=lambda context: len(SUBSTRATES) * context.steps,
    better="lower",
    question="How fast does the class vanish when the cells the map ranks first are hidden first?",
    paper="Petsiuk et al. 2018, RISE, arXiv:1806.07421",
    good="area under the curve: low, and lower than every control on both substrates",
    cost="56 forwards a map",
)
def deletion(context: CheckContext, heatmap: Tensor) -> Measurement:
    """Area under the curve of the probability while cells are hidden, by substrate."""
    return _measurement(context, {name: deletion_curve(context, heatmap, name) for name in SUBSTRATES})


@check_of_maps(
    "insertion",
    order=110,
    curve=True,
    each=lambda context: len(SUBSTRATES) * context.steps,
    better="higher",
    question="How fast does the class appear when the cells the map ranks first are shown first?",
    paper="Petsiuk et al. 2018, RISE, arXiv:1806.07421",
    good="area under the curve: high, and higher than every control on both substrates",
    cost="56 forwards a map",
)
def insertion(context: CheckContext, heatmap: Tensor) -> Measurement:
    """Area under the curve of the probability while cells are shown, by substrate."""
    return _measurement(context, {name: insertion_curve(context, heatmap, name) for name in SUBSTRATES})


@check_of_maps(
    "sufficiency",
    order=120,
    curve=True,
    better="lower",
    question="How much of the picture, in the map's order, gives back half of the class's probability?",
    paper="Dabkowski and Gal 2017, Real time image saliency (smallest sufficient region), arXiv:1705.07857",
    good="share of the picture: small, and smaller than for every control",
    cost="none beside insertion",
)
def sufficiency(context: CheckContext, heatmap: Tensor) -> Measurement:
    """The smallest share of cells with half of the whole picture's probability, by substrate.

    The paper learns the region; here it is the first one that the map's own order reaches. Of a regression it is half
    of the way from the empty picture's number to the whole one's.
    """
    steps = steps_of(context.grid[0] * context.grid[1], context.steps)
    shares = {}
    for substrate in SUBSTRATES:
        curve = insertion_curve(context, heatmap, substrate)
        # A number of a regression has no zero of its own: its way from the empty to the whole picture counts.
        start = curve[0] if context.model.output_kind == "regression" else 0.0
        rise = curve[-1] - start
        enough = ((curve - start) * rise >= SUFFICIENT * rise * rise).nonzero()
        shares[substrate] = float(steps[enough[0]] / steps[-1])
    return Measurement(shares)
