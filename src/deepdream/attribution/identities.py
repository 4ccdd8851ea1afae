"""What each method must be on any network: the battery's yardsticks, one function each.

A method that promises a sum is measured by it. The others have something else that must hold whatever the
network: a limit in which they become another method, a slope that can be measured, a closed form.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.attribution.canonizer import RECTIFIERS, canonized
from deepdream.attribution.explainers.paths import chunks_of_draws, integrate
from deepdream.attribution.explainers.perturbations import random_mask
from deepdream.attribution.explainers.relevance import composite_relevance
from deepdream.attribution.hooks import activation_and_gradient, replacing_output, scores_from
from deepdream.attribution.registry import Outcome, find_method
from deepdream.attribution.score_function import ScoreFunction, enlarge


@dataclass(frozen=True)
class Identity:
    """What must hold, in words, and by how much it does not, as a share."""

    words: str
    error: Callable[[ScoreFunction], float]
    tolerance: float = 0.01


_IDENTITIES: dict[str, Identity] = {}


def identities() -> Mapping[str, Identity]:
    """By the method's name."""
    return MappingProxyType(_IDENTITIES)


def _identity(
    name: str, words: str, tolerance: float = 0.01
) -> Callable[[Callable[[ScoreFunction], float]], Callable[[ScoreFunction], float]]:
    def enter(error: Callable[[ScoreFunction], float]) -> Callable[[ScoreFunction], float]:
        _IDENTITIES[name] = Identity(words, error, tolerance)
        return error

    return enter


def found(score_function: ScoreFunction, method: str, **options: Any) -> Outcome:
    """What ``method`` gives for the problem, in full: (3, H, W), or (h, w) at its layer's size."""
    entry = find_method(method)
    return entry.run(score_function, {**entry.defaults, **options})


def _values(score_function: ScoreFunction, method: str, **options: Any) -> Tensor:
    return found(score_function, method, **options).values.double()


def _apart(one: Tensor, other: Tensor) -> float:
    """The largest difference as a share of the largest value."""
    return float((one.double() - other.double()).abs().max() / other.double().abs().max().clamp(min=1e-30))


def _off(number: float, wanted: float) -> float:
    return abs(number - wanted) / max(abs(wanted), 1e-30)


def _sums_to(values: Tensor, wanted: float) -> float:
    """How far off a sum is, as a share of all that was summed: a layer norm takes the slope away."""
    return abs(float(values.sum()) - wanted) / max(float(values.abs().sum()), 1e-30)


def _rise(score_function: ScoreFunction) -> float:
    return score_function.image_score - score_function.score_of(score_function.baseline)


@_identity("saliency", "slope measured in float64")
def _saliency(score_function: ScoreFunction) -> float:
    gradient = _values(score_function, "saliency")
    step = 1e-4 * gradient / gradient.norm()
    exact = replace(score_function.model, module=copy.deepcopy(score_function.model.module).double())
    twin = replace(score_function, model=exact, image=score_function.image.double())
    slope = (twin.score_of(twin.image + step) - twin.score_of(twin.image - step)) / 2e-4
    return _off(float(gradient.norm()), slope)


@_identity("input-x-gradient", "= picture × saliency")
def _input_x_gradient(score_function: ScoreFunction) -> float:
    return _apart(
        _values(score_function, "input-x-gradient"),
        score_function.image[0].double() * _values(score_function, "saliency"),
    )


@_identity("smoothgrad", "without noise = saliency")
def _smoothgrad(score_function: ScoreFunction) -> float:
    return _apart(
        _values(score_function, "smoothgrad", samples=2, noise=0.0), _values(score_function, "saliency")
    )


@_identity("smoothgrad-squared", "without noise = saliency²")
def _smoothgrad_squared(score_function: ScoreFunction) -> float:
    squared = _values(score_function, "saliency").square()
    return _apart(_values(score_function, "smoothgrad-squared", samples=2, noise=0.0), squared)


@_identity("vargrad", "= smoothgrad-squared − smoothgrad²")
def _vargrad(score_function: ScoreFunction) -> float:
    mean, square = (_values(score_function, name, samples=2) for name in ("smoothgrad", "smoothgrad-squared"))
    return _apart(_values(score_function, "vargrad", samples=2), square - mean.square())


@_identity("gradient-shap", "= gradient × difference at its draws, one by one")
def _gradient_shap(score_function: ScoreFunction) -> float:
    wanted = torch.zeros_like(score_function.image[0], dtype=torch.float64)
    for baselines, shares in chunks_of_draws(score_function, 4, 0.1):
        for baseline, share in zip(baselines, shares, strict=True):
            difference = score_function.image[0] - baseline
            at = (baseline + share * difference)[None]
            wanted += (difference * score_function.gradients(at)[0]).double() / 4
    return _apart(_values(score_function, "gradient-shap", samples=4, noise=0.1), wanted)


@_identity("guided-ig", "on the straight path = integrated gradients by the trapezoid rule")
def _guided_ig(score_function: ScoreFunction) -> float:
    steps, start = 8, score_function.baseline
    span = score_function.image - start
    shares = torch.arange(steps + 1).to(span)[:, None, None, None] / steps
    gradients = score_function.gradients(start + shares * span).double()
    wanted = span[0] * (gradients[1:] + gradients[:-1]).sum(dim=0) / (2 * steps)
    return _apart(_values(score_function, "guided-ig", steps=steps, distance=0.0), wanted)


def _slope_at_layer(score_function: ScoreFunction, direction: Tensor) -> float:
    """The slope of the score when the layer's activations (C, h, w) move along ``direction``."""
    activation, _ = activation_and_gradient(score_function)
    step = 1e-3
    high, low = scores_from(
        score_function, torch.stack([activation + step * direction, activation - step * direction])
    ).double()
    return float(high - low) / (2 * step)


@_identity("grad-cam", "unrectified, sums to the slope along the channels' means")
def _grad_cam(score_function: ScoreFunction) -> float:
    activation, _ = activation_and_gradient(score_function)
    means = activation.mean(dim=(1, 2), keepdim=True).expand_as(activation)
    return _sums_to(
        _values(score_function, "grad-cam", rectify=False), _slope_at_layer(score_function, means)
    )


@_identity("grad-cam-plus-plus", "= Σ relu(g) / (2 + g ΣA), written out")
def _grad_cam_plus_plus(score_function: ScoreFunction) -> float:
    activation, gradient = (v.double() for v in activation_and_gradient(score_function))
    share = 1 / (2 + gradient * activation.sum(dim=(1, 2), keepdim=True))
    weights = (share * gradient.relu()).sum(dim=(1, 2))
    wanted = (weights[:, None, None] * activation).sum(dim=0)
    return _apart(_values(score_function, "grad-cam-plus-plus", rectify=False), wanted)


@_identity("x-grad-cam", "unrectified, sums to the slope along the activations")
def _x_grad_cam(score_function: ScoreFunction) -> float:
    return _along_activations(score_function, "x-grad-cam")


@_identity("hires-cam", "unrectified, sums to the slope along the activations")
def _hires_cam(score_function: ScoreFunction) -> float:
    return _along_activations(score_function, "hires-cam")


def _along_activations(score_function: ScoreFunction, method: str) -> float:
    activation, _ = activation_and_gradient(score_function)
    return _sums_to(
        _values(score_function, method, rectify=False), _slope_at_layer(score_function, activation)
    )


@_identity("layer-cam", "unrectified, sums to the slope along what rises")
def _layer_cam(score_function: ScoreFunction) -> float:
    activation, gradient = activation_and_gradient(score_function)
    slope = _slope_at_layer(score_function, activation * (gradient > 0))
    return _sums_to(_values(score_function, "layer-cam", rectify=False), slope)


@_identity("eigen-cam", "as long as the largest singular value")
def _eigen_cam(score_function: ScoreFunction) -> float:
    activation, _ = activation_and_gradient(score_function)
    largest = float(torch.linalg.matrix_norm(activation.flatten(1).double(), 2))
    return _off(float(_values(score_function, "eigen-cam").norm()), largest)


@_identity("score-cam", "of one channel = that channel")
def _score_cam(score_function: ScoreFunction) -> float:
    activation, _ = activation_and_gradient(score_function)
    widest = activation[int(activation.double().flatten(1).var(dim=1).argmax())]
    return _apart(_values(score_function, "score-cam", samples=1), widest.relu())


@_identity("ablation-cam", "of one channel = what its loss costs the whole network")
def _ablation_cam(score_function: ScoreFunction) -> float:
    activation, _ = activation_and_gradient(score_function)
    channel = int(activation.abs().mean(dim=(1, 2)).argmax())

    def silenced(output: Tensor) -> Tensor:
        output = output.clone()
        output[:, channel] = 0
        return output

    module = copy.deepcopy(score_function.model.module).eval()
    layer = score_function.layer
    pixels = score_function.model.normalize(score_function.image)
    with torch.no_grad(), replacing_output(module.get_submodule(layer.name), layer.runs, silenced):
        lost = score_function.image_score - float(score_function.of_logits(module(pixels)))
    return _apart(
        _values(score_function, "ablation-cam", samples=1, rectify=False), lost * activation[channel]
    )


@_identity("occlusion", "of everything = the whole rise, everywhere")
def _occlusion(score_function: ScoreFunction) -> float:
    return _whole_rise(
        score_function, "occlusion", window=min(score_function.size), stride=min(score_function.size)
    )


@_identity("feature-ablation", "of one region = the whole rise")
def _feature_ablation(score_function: ScoreFunction) -> float:
    return _whole_rise(score_function, "feature-ablation", segments=1)


@_identity("lime", "of one region = the whole rise")
def _lime(score_function: ScoreFunction) -> float:
    return _whole_rise(score_function, "lime", segments=1, samples=4)


def _whole_rise(score_function: ScoreFunction, method: str, **options: Any) -> float:
    values = _values(score_function, method, **options)
    return _apart(values, torch.full_like(values, _rise(score_function)))


@_identity("rise", "= the mean over its masks, one by one")
def _rise_map(score_function: ScoreFunction) -> float:
    random, count = score_function.generator(), 8
    masks = [random_mask(score_function.size, 7, 0.5, random).double() for _ in range(count)]
    baseline = score_function.baseline

    def score(mask: Tensor) -> float:
        mask = mask.to(score_function.image)
        return score_function.score_of(score_function.image * mask + baseline * (1 - mask))

    scores = torch.tensor([score(mask) for mask in masks], dtype=torch.float64)
    visible = torch.stack(masks)
    weighted = torch.einsum("b,bhw->hw", scores, visible) / visible.sum(dim=0)
    wanted = torch.where(visible.sum(dim=0) > 0, weighted - scores.mean(), 0.0)
    return _apart(_values(score_function, "rise", samples=count), wanted)


@_identity("guided-backprop", "= the same by backward hooks")
def _guided_backprop(score_function: ScoreFunction) -> float:
    def kept(gradient: Tensor, _: Tensor) -> Tensor:
        return gradient.clamp(min=0)

    return _apart(_values(score_function, "guided-backprop"), _hooked_gradient(score_function, kept))


@_identity("deconvolution", "= the same by backward hooks")
def _deconvolution(score_function: ScoreFunction) -> float:
    def kept(_: Tensor, arriving: Tensor) -> Tensor:
        return arriving.clamp(min=0)

    return _apart(_values(score_function, "deconvolution"), _hooked_gradient(score_function, kept))


def _hooked_gradient(score_function: ScoreFunction, kept: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The gradient (3, H, W) with what goes back through each rectifier replaced: own and arriving in."""
    graph = copy.deepcopy(canonized(score_function.model))

    def replaced(_: nn.Module, own: Any, arriving: Any) -> tuple[Tensor]:
        return (kept(own[0], arriving[0]),)

    for part in graph.modules():
        if isinstance(part, RECTIFIERS):
            part.register_full_backward_hook(replaced)
    with torch.enable_grad():
        image = score_function.image.detach().requires_grad_()
        score = score_function.of_logits(graph(score_function.model.normalize(image)))
        (gradient,) = torch.autograd.grad(score.sum(), image)
    return gradient[0]


@_identity("guided-grad-cam", "= guided backpropagation × Grad-CAM")
def _guided_grad_cam(score_function: ScoreFunction) -> float:
    coarse = enlarge(_values(score_function, "grad-cam").float(), score_function.size)
    wanted = _values(score_function, "guided-backprop") * coarse
    return _apart(_values(score_function, "guided-grad-cam"), wanted)


@_identity("lrp", "without biases, the whole score arrives")
def _lrp(score_function: ScoreFunction) -> float:
    graph = canonized(score_function.model)
    same = _apart(_values(score_function, "lrp"), composite_relevance(score_function, graph))
    graph = copy.deepcopy(graph)
    with torch.no_grad():
        for name, value in graph.state_dict().items():
            if name.rpartition(".")[2] in ("bias", "running_mean", "in_proj_bias"):
                value.zero_()
        score = float(score_function.of_logits(graph(score_function.model.normalize(score_function.image))))
    return max(same, _off(float(composite_relevance(score_function, graph).double().sum()), score))


@_identity("xrai", "sums to its two integrated gradients")
def _xrai(score_function: ScoreFunction) -> float:
    ends = (torch.zeros_like(score_function.image), torch.ones_like(score_function.image))
    wanted = sum(float(integrate(score_function, end, 2).double().sum()) for end in ends) / 2
    return _off(float(_values(score_function, "xrai", steps=2).sum()), wanted)


@_identity("extremal-perturbation", "more than half visible: a tenth of the picture")
def _extremal(score_function: ScoreFunction) -> float:
    visible = _values(score_function, "extremal-perturbation", steps=60) > 0.5
    return _off(float(visible.double().mean()), 0.1)
