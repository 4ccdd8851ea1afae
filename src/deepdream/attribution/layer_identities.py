"""Identities of the methods that read a layer or send the score back by rules: class activation maps, propagation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.attribution.canonizer import RECTIFIERS, canonized
from deepdream.attribution.explainers.attention import attention_weights, rollout, token_axes
from deepdream.attribution.explainers.relevance import composite_relevance
from deepdream.attribution.hooks import activation_and_gradient, replacing_output, scores_from
from deepdream.attribution.identity import identity, largest_difference, relative_error, sum_error, values_of
from deepdream.attribution.score_function import ScoreFunction, enlarge
from deepdream.models.copies import copied
from deepdream.models.layer_axes import LayerAxes


def slope_at_layer(score_function: ScoreFunction, direction: Tensor) -> float:
    """The slope of the score when the layer's activations (C, h, w) move along ``direction``."""
    activation, _ = activation_and_gradient(score_function)
    # Small enough for the slope, large enough for float32.
    step = 1e-3
    high, low = scores_from(
        score_function, torch.stack([activation + step * direction, activation - step * direction])
    ).double()
    return float(high - low) / (2 * step)


@identity("grad-cam", "unrectified, sums to the slope along the channels' means")
def grad_cam(score_function: ScoreFunction) -> float:
    activation, _ = activation_and_gradient(score_function)
    means = activation.mean(dim=(1, 2), keepdim=True).expand_as(activation)
    return sum_error(
        values_of(score_function, "grad-cam", rectify=False), slope_at_layer(score_function, means)
    )


@identity("grad-cam-plus-plus", "= Σ relu(g) / (2 + g ΣA), written out")
def grad_cam_plus_plus(score_function: ScoreFunction) -> float:
    activation, gradient = (v.double() for v in activation_and_gradient(score_function))
    # Equation 19 with g^2 cancelled, which is another order of operations than the method's.
    share = 1 / (2 + gradient * activation.sum(dim=(1, 2), keepdim=True))
    weights = (share * gradient.relu()).sum(dim=(1, 2))
    expected = (weights[:, None, None] * activation).sum(dim=0)
    return largest_difference(values_of(score_function, "grad-cam-plus-plus", rectify=False), expected)


@identity("x-grad-cam", "unrectified, sums to the slope along the activations")
def x_grad_cam(score_function: ScoreFunction) -> float:
    return along_activations(score_function, "x-grad-cam")


@identity("hires-cam", "unrectified, sums to the slope along the activations")
def hires_cam(score_function: ScoreFunction) -> float:
    return along_activations(score_function, "hires-cam")


def along_activations(score_function: ScoreFunction, method: str) -> float:
    activation, _ = activation_and_gradient(score_function)
    return sum_error(
        values_of(score_function, method, rectify=False), slope_at_layer(score_function, activation)
    )


@identity("layer-cam", "unrectified, sums to the slope along what rises")
def layer_cam(score_function: ScoreFunction) -> float:
    activation, gradient = activation_and_gradient(score_function)
    slope = slope_at_layer(score_function, activation * (gradient > 0))
    return sum_error(values_of(score_function, "layer-cam", rectify=False), slope)


@identity("eigen-cam", "as long as the largest singular value")
def eigen_cam(score_function: ScoreFunction) -> float:
    activation, _ = activation_and_gradient(score_function)
    largest = float(torch.linalg.matrix_norm(activation.flatten(1).double(), 2))
    return relative_error(float(values_of(score_function, "eigen-cam").norm()), largest)


@identity("score-cam", "of one channel = that channel")
def score_cam(score_function: ScoreFunction) -> float:
    activation, _ = activation_and_gradient(score_function)
    widest = activation[int(activation.double().flatten(1).var(dim=1).argmax())]
    return largest_difference(values_of(score_function, "score-cam", samples=1), widest.relu())


@identity("attention-rollout", "with the tokens beside the grid, sums to one")
def attention_rollout(score_function: ScoreFunction) -> float:
    """Rows of attention sum to one, so do those of their products; the tokens beside the grid hold the rest."""
    axes = token_axes(score_function.model)
    assert axes is not None  # or the method would not apply
    mixing = rollout(attention_weights(score_function.model, score_function.image))
    row = mixing[0] if axes.before else mixing.mean(dim=0)
    beside = float(row[: axes.before].sum() + row[len(row) - axes.after :].sum())
    return relative_error(float(values_of(score_function, "attention-rollout").sum()) + beside, 1.0)


@identity("ablation-cam", "of one channel = what its loss costs the whole network")
def ablation_cam(score_function: ScoreFunction) -> float:
    activation, _ = activation_and_gradient(score_function)
    channel = int(activation.abs().mean(dim=(1, 2)).argmax())

    # The network itself, not the copy that the method hooks.
    module = copied(score_function.model.module).eval()
    layer, size = score_function.layer, score_function.size
    axes = layer.axes or LayerAxes()

    def silenced(output: Tensor) -> Tensor:
        maps = axes.to_map(output, size).clone()
        maps[:, channel] = 0
        return axes.put_back(maps, output, size)

    pixels = score_function.model.normalize(score_function.image)
    with torch.no_grad(), replacing_output(module.get_submodule(layer.name), layer.runs, silenced):
        lost = score_function.image_score - float(score_function.of_logits(module(pixels)))
    return largest_difference(
        values_of(score_function, "ablation-cam", samples=1, rectify=False), lost * activation[channel]
    )


@identity("guided-backprop", "= the same by backward hooks")
def guided_backprop(score_function: ScoreFunction) -> float:
    def passed_back(gradient: Tensor, _: Tensor) -> Tensor:
        return gradient.clamp(min=0)

    return largest_difference(
        values_of(score_function, "guided-backprop"), hooked_gradient(score_function, passed_back)
    )


@identity("deconvolution", "= the same by backward hooks")
def deconvolution(score_function: ScoreFunction) -> float:
    def passed_back(_: Tensor, arriving: Tensor) -> Tensor:
        return arriving.clamp(min=0)

    return largest_difference(
        values_of(score_function, "deconvolution"), hooked_gradient(score_function, passed_back)
    )


def hooked_gradient(score_function: ScoreFunction, passed_back: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The gradient (3, H, W) with what goes back through each rectifier replaced: own and arriving in."""
    # A copy, for its backward hooks are never removed.
    graph = copy.deepcopy(canonized(score_function.model))

    def replaced(_: nn.Module, own: Any, arriving: Any) -> tuple[Tensor]:
        return (passed_back(own[0], arriving[0]),)

    for part in graph.modules():
        if isinstance(part, RECTIFIERS):
            part.register_full_backward_hook(replaced)
    with torch.enable_grad():
        image = score_function.image.detach().requires_grad_()
        score = score_function.of_logits(graph(score_function.model.normalize(image)))
        (gradient,) = torch.autograd.grad(score.sum(), image)
    return gradient[0]


@identity("guided-grad-cam", "= guided backpropagation × Grad-CAM")
def guided_grad_cam(score_function: ScoreFunction) -> float:
    coarse = enlarge(values_of(score_function, "grad-cam").float(), score_function.size)
    expected = values_of(score_function, "guided-backprop") * coarse
    return largest_difference(values_of(score_function, "guided-grad-cam"), expected)


@identity("lrp", "without biases, the whole score arrives")
def lrp(score_function: ScoreFunction) -> float:
    graph = canonized(score_function.model)
    same = largest_difference(values_of(score_function, "lrp"), composite_relevance(score_function, graph))
    # Without biases nothing is taken on the way, so the sum is the score.
    graph = copy.deepcopy(graph)
    with torch.no_grad():
        for name, value in graph.state_dict().items():
            if name.rpartition(".")[2] in ("bias", "running_mean", "in_proj_bias"):
                value.zero_()
        score = float(score_function.of_logits(graph(score_function.model.normalize(score_function.image))))
    return max(same, relative_error(float(composite_relevance(score_function, graph).double().sum()), score))
