"""Class activation maps: a weighted sum of the channels of one spatial layer."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor

from deepdream.attribution.hooks import activation_and_gradient, scores_from
from deepdream.attribution.method_options import Meaning, Rectify
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction, enlarge
from deepdream.attribution.score_layers import find_layer
from deepdream.errors import UsageError
from deepdream.models import Model

Channels = Annotated[
    int, Meaning("How many channels are tried, those with the largest spread first.", least=1)
]
AllChannels = Annotated[
    int | None,
    Meaning("How many channels are tried, those with the largest mean first; auto is all.", least=1),
]
_COARSE = "As coarse as its layer: one value per cell of the grid."


def lacks_spatial_end(model: Model) -> str | None:
    """Why a class activation map makes no sense: nothing spatial in the second half of the network."""
    try:
        layer = find_layer(model, "auto")
    except UsageError as error:
        return str(error)
    if layer.depth >= 0.5:
        return None
    return (
        f"its last layer with a grid, {layer.name!r}, stands at the network's beginning (after "
        f"{layer.depth:.0%}), so its channels do not represent what was recognized. Name it with --layer "
        "to draw it nevertheless."
    )


#: What all class activation maps have in common, for ``register``.
SHARED: dict[str, Any] = {
    "family": "cam",
    "needs": "a late layer with a grid of positions",
    "cost": "1 forward, 1 backward",
    "applies": lacks_spatial_end,
    "signed": False,
}


@register(
    "grad-cam",
    question="Which places of the last layer support the class?",
    paper="Selvaraju et al. 2017, Grad-CAM, arXiv:1610.02391",
    caveat=f"{_COARSE} Evidence against the class is cut off.",
    **SHARED,
)
def grad_cam(score_function: ScoreFunction, *, rectify: Rectify = True) -> Tensor:
    """ReLU of the channels weighted by their mean gradient; ``rectify=False`` keeps the negative side."""
    activation, gradient = activation_and_gradient(score_function)
    return _weighted(gradient.mean(dim=(1, 2)), activation, rectify)


@register(
    "grad-cam-plus-plus",
    question="Which places support the class, if several objects of it are there?",
    paper="Chattopadhyay et al. 2018, Grad-CAM++, arXiv:1710.11063",
    caveat=f"{_COARSE} Counts only gradients in favor, so it hardly tells two classes apart.",
    **SHARED,
)
def grad_cam_plus_plus(score_function: ScoreFunction, *, rectify: Rectify = True) -> Tensor:
    """Positive gradients weighted by alpha = g^2 / (2 g^2 + sum(A) g^3), the paper's equation 19."""
    activation, gradient = activation_and_gradient(score_function)
    square = gradient.square()
    denominator = 2 * square + activation.sum(dim=(1, 2), keepdim=True) * square * gradient
    # Where the gradient is zero, so are both: such a place has no weight.
    alpha = torch.where(denominator != 0, square / denominator, 0.0)
    return _weighted((alpha * gradient.relu()).sum(dim=(1, 2)), activation, rectify)


@register(
    "x-grad-cam",
    question="Which places support the class, weighted by where each channel is active?",
    paper="Fu et al. 2020, Axiom-based Grad-CAM, arXiv:2008.02312",
    caveat=_COARSE,
    **SHARED,
)
def x_grad_cam(score_function: ScoreFunction, *, rectify: Rectify = True) -> Tensor:
    """Channels weighted by their activation-weighted mean gradient."""
    activation, gradient = activation_and_gradient(score_function)
    total = activation.sum(dim=(1, 2))
    weights = torch.where(total != 0, (gradient * activation).sum(dim=(1, 2)) / total, 0.0)
    return _weighted(weights, activation, rectify)


@register(
    "hires-cam",
    question="Which places did the score really use?",
    paper="Draelos, Carin 2020, HiResCAM, arXiv:2011.08891",
    caveat=f"{_COARSE} Faithful only where the rest of the network is linear.",
    **SHARED,
)
def hires_cam(score_function: ScoreFunction, *, rectify: Rectify = True) -> Tensor:
    """Activation times gradient, summed over the channels."""
    activation, gradient = activation_and_gradient(score_function)
    return _rectified((gradient * activation).sum(dim=0), rectify)


@register(
    "layer-cam",
    question="Which places support the class, also at an earlier, finer layer?",
    paper="Jiang et al. 2021, LayerCAM, DOI 10.1109/TIP.2021.3089943",
    caveat="Counts only gradients in favor.",
    **SHARED,
)
def layer_cam(score_function: ScoreFunction, *, rectify: Rectify = True) -> Tensor:
    """Activation times the positive part of the gradient, summed over the channels."""
    activation, gradient = activation_and_gradient(score_function)
    return _rectified((gradient.relu() * activation).sum(dim=0), rectify)


@register(
    "eigen-cam",
    question="Where is the layer's main pattern, whatever the class?",
    paper="Muhammad, Yeasin 2020, Eigen-CAM, arXiv:2008.00299",
    caveat="Does not know the class: every target gets the same map.",
    **SHARED,
)
def eigen_cam(score_function: ScoreFunction) -> Tensor:
    """The activations along their first singular vector, turned so that its sum is positive."""
    activation, _ = activation_and_gradient(score_function)
    flat = activation.flatten(1).T.double().cpu()  # (positions, channels)
    projection: Tensor = flat @ torch.linalg.svd(flat, full_matrices=False).Vh[0]
    # A singular vector has no sign of its own.
    projection = projection * (1 if projection.sum() >= 0 else -1)
    return projection.reshape(activation.shape[1:]).float()


@register(
    "score-cam",
    question="Which places, shown alone, bring the class back?",
    paper="Wang et al. 2020, Score-CAM, arXiv:1910.01279",
    caveat=f"{_COARSE} Its softmax lets a handful of channels decide.",
    **SHARED | {"cost": "samples forwards", "budgeted": Budgeted("samples", "forward")},
)
def score_cam(score_function: ScoreFunction, *, samples: Channels = 256) -> Outcome:
    """Channels weighted by the softmax of the scores of the picture seen through them.

    Deviation: only the ``samples`` channels with the largest spread are tried (the paper: all).
    """
    activation, _ = activation_and_gradient(score_function)
    strongest = activation.flatten(1).var(dim=1).topk(min(samples, len(activation))).indices
    chosen = activation[strongest]
    low, high = chosen.amin(dim=(1, 2), keepdim=True), chosen.amax(dim=(1, 2), keepdim=True)
    masks = torch.where(high > low, (chosen - low) / (high - low), 0.0)

    def enlarged(start: int, stop: int) -> Tensor:
        return torch.stack([enlarge(mask, score_function.size) for mask in masks[start:stop]])[:, None]

    scores = score_function.masked_scores_of(len(masks), enlarged, score_function.baseline, may_stop=True)
    values = _weighted(scores.softmax(dim=0), chosen[: len(scores)])
    return Outcome.of_samples(values, len(scores), len(masks))


@register(
    "ablation-cam",
    question="Which places lie in channels without which the score falls?",
    paper="Desai, Ramaswamy 2020, Ablation-CAM, DOI 10.1109/WACV45572.2020.9093360",
    caveat=_COARSE,
    **SHARED
    | {"cost": "1 forward for every 64 channels; for every channel where a later layer joins an earlier one"},
)
def ablation_cam(
    score_function: ScoreFunction, *, samples: AllChannels = None, rectify: Rectify = True
) -> Outcome:
    """Channels weighted by the score's loss when they are silenced; those of the largest mean come first.

    ``samples`` channels are tried: all, unless given or the time ends before. Deviation: the loss is not
    divided by the score, whose sign would turn the map around where it is negative.
    """
    activation, _ = activation_and_gradient(score_function)
    whole = scores_from(score_function, activation[None])
    count = min(samples or len(activation), len(activation))
    order = activation.abs().mean(dim=(1, 2)).argsort(descending=True, stable=True)[:count]
    # 64 copies of one layer's activations fit where 64 pictures would not.
    weights, used = torch.zeros(len(activation)).to(activation), 0
    for block in torch.split(order, 64):
        silenced = activation.repeat(len(block), 1, 1, 1)
        silenced[torch.arange(len(block)), block] = 0
        weights[block] = whole - scores_from(score_function, silenced)
        used += len(block)
        if score_function.late:
            break
    return Outcome.of_samples(_weighted(weights, activation, rectify), used, count)


def _weighted(weights: Tensor, activation: Tensor, rectify: bool = True) -> Tensor:
    return _rectified(torch.einsum("c,chw->hw", weights, activation), rectify)


def _rectified(values: Tensor, rectify: bool) -> Tensor:
    return values.relu() if rectify else values
