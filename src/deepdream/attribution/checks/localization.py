"""Where the right answer is known: does the map point at it, and how much of the map lies on it?"""

from __future__ import annotations

import torch
from torch import Tensor

from deepdream.attribution.checks.check_registry import check_of_maps
from deepdream.attribution.checks.context import CheckContext, Measurement
from deepdream.attribution.checks.tested_map import MapUnderTest

#: Pixels by which the peak may miss the mask, at 224 (TorchRay's benchmark).
TOLERANCE = 15


def points_inside(heatmap: Tensor, mask: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Whether the largest value of (H, W) lies within ``tolerance`` pixels of ``mask`` (H, W) bool."""
    # By the distance to the mask's nearest pixel, as in TorchRay: a peak just beside the object is a hit.
    index = int(heatmap.argmax())
    peak = torch.tensor([index // heatmap.shape[1], index % heatmap.shape[1]])
    return bool((mask.nonzero() - peak).double().norm(dim=1).min() <= tolerance)


def mass_inside(heatmap: Tensor, mask: Tensor) -> float:
    """The share of the positive values of (H, W) inside ``mask``; 0 for a map without any."""
    positive = heatmap.double().clamp(min=0)
    total = float(positive.sum())
    return float(positive[mask].sum()) / total if total > 0 else 0.0


def _needs_mask(context: CheckContext, _: MapUnderTest) -> str | None:
    return None if context.mask is not None else "it is not known where the object is (--mask)"


@check_of_maps(
    "pointing-game",
    order=70,
    report="no",
    better="higher",
    applies=_needs_mask,
    question="Does the map's largest value lie on the object?",
    paper="Zhang et al. 2016, Top-down neural attention by excitation backprop, arXiv:1608.00507",
    good="1 is a hit, 0 a miss; on VOC07 the center of the picture alone hits 69.6 %",
    cost="nothing",
)
def pointing_game(context: CheckContext, heatmap: Tensor) -> Measurement:
    """1 where the peak is within 15 pixels (at 224) of the mask."""
    assert context.mask is not None
    tolerance = TOLERANCE * min(context.size) / 224
    return Measurement({"hit": float(points_inside(heatmap.cpu(), context.mask, tolerance))})


@check_of_maps(
    "mass-inside",
    order=80,
    report="no",
    better="higher",
    applies=_needs_mask,
    question="How much of the evidence for the class lies on the object?",
    paper="Arras et al. 2022, CLEVR-XAI (relevance mass accuracy), arXiv:2003.07258",
    good="near 1, and above every control; a flat map scores the share of the picture that the object covers",
    cost="nothing",
)
def mass(context: CheckContext, heatmap: Tensor) -> Measurement:
    """The share of the positive values inside the mask."""
    assert context.mask is not None
    return Measurement({"share": mass_inside(heatmap.cpu(), context.mask)})
