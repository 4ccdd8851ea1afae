"""Integrated gradients gathered in regions: which parts belong to the answer, in order."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.attribution.explainers.paths import PathSteps, integrate
from deepdream.attribution.registry import Budgeted, register
from deepdream.attribution.score_function import ScoreFunction
from deepdream.attribution.segments import count_of, superpixels

#: Numbers of superpixels of the over-segmentations.
SCALES = (6, 12, 25, 50, 100, 200)


@register(
    "xrai",
    question="Which regions belong to the answer, the densest in evidence first?",
    paper="Kapishnikov et al. 2019, XRAI, arXiv:1906.02825",
    caveat="Regions come from color and place, not from the network: its edges are the picture's.",
    family="gradient",
    cost="2 x steps forwards, 2 x steps backwards",
    unit="logits per pixel",
    budgeted=Budgeted("steps", "backward", units=2),
)
def xrai(score_function: ScoreFunction, *, steps: PathSteps = 50) -> Tensor:
    """Every pixel gets the mean attribution of what its region added when it was taken.

    Deviation: SLIC superpixels at six scales in the place of Felzenszwalb's at six.
    """
    ends = (torch.zeros_like(score_function.image), torch.ones_like(score_function.image))
    attributions = [integrate(score_function, baseline, steps) for baseline in ends]
    density = torch.stack(attributions).mean(dim=0).sum(dim=0).cpu()
    masks = []
    for count in SCALES:
        segments = superpixels(score_function.image, count).cpu()
        mask = (segments == torch.arange(count_of(segments))[:, None, None]).float()[None]
        # Each a few pixels larger than it is, so that the edges it follows are inside; row by row, column by column.
        border = max(1, min(segments.shape) // 56)
        for reach in ((border, 0), (0, border)):
            mask = F.max_pool2d(mask, tuple(2 * r + 1 for r in reach), stride=1, padding=reach)
        masks.append(mask[0].bool())
    return taken_in_order(density, torch.cat(masks))


def taken_in_order(density: Tensor, masks: Tensor) -> Tensor:
    """(H, W): greedily take the mask whose remaining part is densest; that part gets its mean."""
    flat, inside = density.flatten(), masks.flatten(1)
    used = torch.zeros_like(flat, dtype=torch.bool)
    values = torch.zeros_like(flat)
    # Kept up to date instead of computed anew: there are some 400 masks of 50,000 pixels.
    sums, counts = inside.float() @ flat, inside.sum(dim=1)
    while counts.any():
        best = int(torch.where(counts > 0, sums / counts, -torch.inf).argmax())
        fresh = (inside[best] & ~used).nonzero()[:, 0]
        values[fresh] = flat[fresh].mean()
        used[fresh] = True
        sums -= inside[:, fresh].float() @ flat[fresh]
        counts -= inside[:, fresh].sum(dim=1)
    return values.reshape(density.shape)
