"""What happens to the score when parts of the picture are taken away."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from captum.attr import FeatureAblation, Occlusion
from torch import Tensor

from deepdream.attribution.method_options import Meaning, Samples, Segments
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction
from deepdream.attribution.segments import superpixels
from deepdream.errors import UsageError

Window = Annotated[
    int | None,
    Meaning("Side of the covered patch in pixels; auto is a seventh of the picture's side.", least=1),
]
Stride = Annotated[
    int | None, Meaning("Pixels between two patches, at most the window; auto is half the window.", least=1)
]
Grid = Annotated[int, Meaning("Cells of a random mask along each side.", least=1, most=224)]
Keep = Annotated[float, Meaning("Probability that a cell of a mask is visible.", above=0, most=1)]
_SHARED: dict[str, Any] = {"family": "perturbation", "needs": "nothing: the network is a black box"}


def _stride_for(score_function: ScoreFunction, passes: int) -> int:
    """The finest stride, from a quarter of the window to all of it, whose positions fit into ``passes``."""
    side = _window(score_function)
    positions = {
        step: math.prod(1 + math.ceil((length - side) / step) for length in score_function.size)
        for step in range(max(1, side // 4), side + 1)
    }
    return next((step for step, count in positions.items() if count < passes), side)


def _window(score_function: ScoreFunction) -> int:
    return max(1, round(min(score_function.size) / 7))


@register(
    "occlusion",
    question="How much does the score fall when a patch is covered?",
    paper="Zeiler, Fergus 2013, Visualizing and Understanding Convolutional Networks, arXiv:1311.2901",
    caveat="A covered patch is an unnatural picture; two patches that can replace each other both get little.",
    cost="1 + number of positions forwards (170 at 224 pixels)",
    budgeted=Budgeted("stride", "forward", value=_stride_for, usual=170, least=50),
    **_SHARED,
)
def occlusion(score_function: ScoreFunction, *, window: Window = None, stride: Stride = None) -> Tensor:
    """Captum's occlusion, the mean where patches overlap.

    ``window`` is a seventh of the side, ``stride`` half of that, unless given.
    """
    side = window or _window(score_function)
    step = stride or max(1, side // 2)
    if side > min(score_function.size) or step > side:
        raise UsageError(
            f"A window of {side} with stride {step} does not cover a picture of {score_function.size}."
        )
    values: Tensor = Occlusion(score_function.score).attribute(
        score_function.image,
        sliding_window_shapes=(3, side, side),
        strides=(3, step, step),
        baselines=score_function.baseline,
        perturbations_per_eval=score_function.chunk,
    )
    # The same number in all three colors.
    return values[0, 0]


@register(
    "feature-ablation",
    question="How much does the score fall when one region is removed?",
    paper="Kokhlikyan et al. 2020, Captum, arXiv:2009.07896",
    caveat="Regions that can replace each other all get little; regions that need each other all get much.",
    cost="1 + segments forwards",
    budgeted=Budgeted("segments", "forward"),
    **_SHARED,
)
def feature_ablation(score_function: ScoreFunction, *, segments: Segments = 64) -> Tensor:
    """Captum's feature ablation over superpixels."""
    values: Tensor = FeatureAblation(score_function.score).attribute(
        score_function.image,
        baselines=score_function.baseline,
        feature_mask=superpixels(score_function.image, segments)[None, None],
        perturbations_per_eval=score_function.chunk,
    )
    # The same number in all three colors.
    return values[0, 0]


@register(
    "rise",
    question="How much higher is the score, on average, when a place is visible?",
    paper="Petsiuk, Das, Saenko 2018, RISE, arXiv:1806.07421",
    caveat="A random estimate: noisy below some thousand masks.",
    cost="samples forwards",
    unit="logits above the mean",
    budgeted=Budgeted("samples", "forward"),
    **_SHARED,
)
def rise(
    score_function: ScoreFunction, *, samples: Samples = 1000, grid: Grid = 7, keep: Keep = 0.5
) -> Outcome:
    """The mean score over random masks, weighted by how visible a pixel was, above the mean of all.

    Deviations: divided by the masks' actual sum at a pixel instead of its expectation, which is less noisy;
    the mean score is taken off, so that zero means that a place does not matter and below it that the
    score is higher without it.
    """
    random, baseline = score_function.generator(), score_function.baseline
    sums = torch.zeros(2, *score_function.size, dtype=torch.float64)  # of scores times masks, and of masks
    sum_of_scores, used = 0.0, 0
    with torch.no_grad():
        for start in range(0, samples, score_function.chunk):
            count = min(score_function.chunk, samples - start)
            masks = torch.stack([random_mask(score_function.size, grid, keep, random) for _ in range(count)])
            mask = masks[:, None].to(score_function.image)
            scores = score_function.score(baseline.lerp(score_function.image, mask)).double().cpu()
            sums += torch.tensordot(torch.stack([scores, torch.ones_like(scores)]), masks.double(), dims=1)
            sum_of_scores += float(scores.sum())
            used += count
            if score_function.late:
                break
    total, visible = sums
    return Outcome.of_samples(
        torch.where(visible > 0, total / visible - sum_of_scores / used, 0.0), used, samples
    )


def random_mask(size: tuple[int, int], grid: int, keep: float, random: torch.Generator) -> Tensor:
    """(H, W) in [0, 1]: a coarse random grid, enlarged smoothly, shifted by less than a cell."""
    height, width = size
    cell = (-(-height // grid), -(-width // grid))
    coarse = (torch.rand(1, 1, grid + 1, grid + 1, generator=random) < keep).float()
    large = torch.nn.functional.interpolate(
        coarse, size=((grid + 1) * cell[0], (grid + 1) * cell[1]), mode="bilinear", align_corners=False
    )[0, 0]
    # Without the shift all masks would share the edges of one grid.
    top, left = (int(torch.randint(side, (1,), generator=random)) for side in cell)
    return large[top : top + height, left : left + width]
