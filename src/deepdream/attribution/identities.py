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

from deepdream.attribution.canonizer import canonized
from deepdream.attribution.hooks import activation_and_gradient, replacing_output, scores_from
from deepdream.attribution.paths import chunks_of_draws, integrate
from deepdream.attribution.perturbations import random_mask
from deepdream.attribution.problem import Problem, enlarge
from deepdream.attribution.propagation import RECTIFIERS
from deepdream.attribution.registry import Outcome, find_method
from deepdream.attribution.relevance import composite_relevance


@dataclass(frozen=True)
class Identity:
    """What must hold, in words, and by how much it does not, as a share."""

    words: str
    error: Callable[[Problem], float]
    tolerance: float = 0.01


_IDENTITIES: dict[str, Identity] = {}


def identities() -> Mapping[str, Identity]:
    """By the method's name."""
    return MappingProxyType(_IDENTITIES)


def _identity(
    name: str, words: str, tolerance: float = 0.01
) -> Callable[[Callable[[Problem], float]], Callable[[Problem], float]]:
    def enter(error: Callable[[Problem], float]) -> Callable[[Problem], float]:
        _IDENTITIES[name] = Identity(words, error, tolerance)
        return error

    return enter


def found(problem: Problem, method: str, **options: Any) -> Outcome:
    """What ``method`` gives for the problem, in full: (3, H, W), or (h, w) at its layer's size."""
    entry = find_method(method)
    return entry.run(problem, {**entry.options, **options})


def _values(problem: Problem, method: str, **options: Any) -> Tensor:
    return found(problem, method, **options).values.double()


def _apart(one: Tensor, other: Tensor) -> float:
    """The largest difference as a share of the largest value."""
    return float((one.double() - other.double()).abs().max() / other.double().abs().max().clamp(min=1e-30))


def _off(number: float, wanted: float) -> float:
    return abs(number - wanted) / max(abs(wanted), 1e-30)


def _sums_to(values: Tensor, wanted: float) -> float:
    """How far off a sum is, as a share of all that was summed: a layer norm takes the slope away."""
    return abs(float(values.sum()) - wanted) / max(float(values.abs().sum()), 1e-30)


def _rise(problem: Problem) -> float:
    return problem.image_score - problem.score_of(problem.baseline)


@_identity("saliency", "slope measured in float64")
def _saliency(problem: Problem) -> float:
    gradient = _values(problem, "saliency")
    step = 1e-4 * gradient / gradient.norm()
    exact = replace(problem.model, module=copy.deepcopy(problem.model.module).double())
    twin = replace(problem, model=exact, image=problem.image.double())
    slope = (twin.score_of(twin.image + step) - twin.score_of(twin.image - step)) / 2e-4
    return _off(float(gradient.norm()), slope)


@_identity("input-x-gradient", "= picture × saliency")
def _input_x_gradient(problem: Problem) -> float:
    return _apart(
        _values(problem, "input-x-gradient"), problem.image[0].double() * _values(problem, "saliency")
    )


@_identity("smoothgrad", "without noise = saliency")
def _smoothgrad(problem: Problem) -> float:
    return _apart(_values(problem, "smoothgrad", samples=2, noise=0.0), _values(problem, "saliency"))


@_identity("smoothgrad-squared", "without noise = saliency²")
def _smoothgrad_squared(problem: Problem) -> float:
    squared = _values(problem, "saliency").square()
    return _apart(_values(problem, "smoothgrad-squared", samples=2, noise=0.0), squared)


@_identity("vargrad", "= smoothgrad-squared − smoothgrad²")
def _vargrad(problem: Problem) -> float:
    mean, square = (_values(problem, name, samples=2) for name in ("smoothgrad", "smoothgrad-squared"))
    return _apart(_values(problem, "vargrad", samples=2), square - mean.square())


@_identity("gradient-shap", "= gradient × difference at its draws, one by one")
def _gradient_shap(problem: Problem) -> float:
    wanted = torch.zeros_like(problem.image[0], dtype=torch.float64)
    for baselines, shares in chunks_of_draws(problem, 4, 0.1):
        for baseline, share in zip(baselines, shares, strict=True):
            difference = problem.image[0] - baseline
            at = (baseline + share * difference)[None]
            wanted += (difference * problem.gradients(at)[0]).double() / 4
    return _apart(_values(problem, "gradient-shap", samples=4, noise=0.1), wanted)


@_identity("guided-ig", "on the straight path = integrated gradients by the trapezoid rule")
def _guided_ig(problem: Problem) -> float:
    steps, start = 8, problem.baseline
    span = problem.image - start
    shares = torch.arange(steps + 1).to(span)[:, None, None, None] / steps
    gradients = problem.gradients(start + shares * span).double()
    wanted = span[0] * (gradients[1:] + gradients[:-1]).sum(dim=0) / (2 * steps)
    return _apart(_values(problem, "guided-ig", steps=steps, distance=0.0), wanted)


def _slope_at_layer(problem: Problem, direction: Tensor) -> float:
    """The slope of the score when the layer's activations (C, h, w) move along ``direction``."""
    activation, _ = activation_and_gradient(problem)
    step = 1e-3
    high, low = scores_from(
        problem, torch.stack([activation + step * direction, activation - step * direction])
    ).double()
    return float(high - low) / (2 * step)


@_identity("grad-cam", "unrectified, sums to the slope along the channels' means")
def _grad_cam(problem: Problem) -> float:
    activation, _ = activation_and_gradient(problem)
    means = activation.mean(dim=(1, 2), keepdim=True).expand_as(activation)
    return _sums_to(_values(problem, "grad-cam", rectify=False), _slope_at_layer(problem, means))


@_identity("grad-cam-plus-plus", "= Σ relu(g) / (2 + g ΣA), written out")
def _grad_cam_plus_plus(problem: Problem) -> float:
    activation, gradient = (v.double() for v in activation_and_gradient(problem))
    share = 1 / (2 + gradient * activation.sum(dim=(1, 2), keepdim=True))
    weights = (share * gradient.relu()).sum(dim=(1, 2))
    wanted = (weights[:, None, None] * activation).sum(dim=0)
    return _apart(_values(problem, "grad-cam-plus-plus", rectify=False), wanted)


@_identity("x-grad-cam", "unrectified, sums to the slope along the activations")
def _x_grad_cam(problem: Problem) -> float:
    return _along_activations(problem, "x-grad-cam")


@_identity("hires-cam", "unrectified, sums to the slope along the activations")
def _hires_cam(problem: Problem) -> float:
    return _along_activations(problem, "hires-cam")


def _along_activations(problem: Problem, method: str) -> float:
    activation, _ = activation_and_gradient(problem)
    return _sums_to(_values(problem, method, rectify=False), _slope_at_layer(problem, activation))


@_identity("layer-cam", "unrectified, sums to the slope along what rises")
def _layer_cam(problem: Problem) -> float:
    activation, gradient = activation_and_gradient(problem)
    slope = _slope_at_layer(problem, activation * (gradient > 0))
    return _sums_to(_values(problem, "layer-cam", rectify=False), slope)


@_identity("eigen-cam", "as long as the largest singular value")
def _eigen_cam(problem: Problem) -> float:
    activation, _ = activation_and_gradient(problem)
    largest = float(torch.linalg.matrix_norm(activation.flatten(1).double(), 2))
    return _off(float(_values(problem, "eigen-cam").norm()), largest)


@_identity("score-cam", "of one channel = that channel")
def _score_cam(problem: Problem) -> float:
    activation, _ = activation_and_gradient(problem)
    widest = activation[int(activation.double().flatten(1).var(dim=1).argmax())]
    return _apart(_values(problem, "score-cam", samples=1), widest.relu())


@_identity("ablation-cam", "of one channel = what its loss costs the whole network")
def _ablation_cam(problem: Problem) -> float:
    activation, _ = activation_and_gradient(problem)
    channel = int(activation.abs().mean(dim=(1, 2)).argmax())

    def silenced(output: Tensor) -> Tensor:
        output = output.clone()
        output[:, channel] = 0
        return output

    module = copy.deepcopy(problem.model.module).eval()
    layer = problem.layer
    pixels = problem.model.normalize(problem.image)
    with torch.no_grad(), replacing_output(module.get_submodule(layer.name), layer.runs, silenced):
        lost = problem.image_score - float(problem.of_logits(module(pixels)))
    return _apart(_values(problem, "ablation-cam", samples=1, rectify=False), lost * activation[channel])


@_identity("occlusion", "of everything = the whole rise, everywhere")
def _occlusion(problem: Problem) -> float:
    return _whole_rise(problem, "occlusion", window=min(problem.size), stride=min(problem.size))


@_identity("feature-ablation", "of one region = the whole rise")
def _feature_ablation(problem: Problem) -> float:
    return _whole_rise(problem, "feature-ablation", segments=1)


@_identity("lime", "of one region = the whole rise")
def _lime(problem: Problem) -> float:
    return _whole_rise(problem, "lime", segments=1, samples=4)


def _whole_rise(problem: Problem, method: str, **options: Any) -> float:
    values = _values(problem, method, **options)
    return _apart(values, torch.full_like(values, _rise(problem)))


@_identity("rise", "= the mean over its masks, one by one")
def _rise_map(problem: Problem) -> float:
    random, count = problem.generator(), 8
    masks = [random_mask(problem.size, 7, 0.5, random).double() for _ in range(count)]
    baseline = problem.baseline

    def score(mask: Tensor) -> float:
        mask = mask.to(problem.image)
        return problem.score_of(problem.image * mask + baseline * (1 - mask))

    scores = torch.tensor([score(mask) for mask in masks], dtype=torch.float64)
    visible = torch.stack(masks)
    weighted = torch.einsum("b,bhw->hw", scores, visible) / visible.sum(dim=0)
    wanted = torch.where(visible.sum(dim=0) > 0, weighted - scores.mean(), 0.0)
    return _apart(_values(problem, "rise", samples=count), wanted)


@_identity("guided-backprop", "= the same by backward hooks")
def _guided_backprop(problem: Problem) -> float:
    def kept(gradient: Tensor, _: Tensor) -> Tensor:
        return gradient.clamp(min=0)

    return _apart(_values(problem, "guided-backprop"), _hooked_gradient(problem, kept))


@_identity("deconvolution", "= the same by backward hooks")
def _deconvolution(problem: Problem) -> float:
    def kept(_: Tensor, arriving: Tensor) -> Tensor:
        return arriving.clamp(min=0)

    return _apart(_values(problem, "deconvolution"), _hooked_gradient(problem, kept))


def _hooked_gradient(problem: Problem, kept: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The gradient (3, H, W) with what goes back through each rectifier replaced: own and arriving in."""
    graph = copy.deepcopy(canonized(problem.model))

    def replaced(_: nn.Module, own: Any, arriving: Any) -> tuple[Tensor]:
        return (kept(own[0], arriving[0]),)

    for part in graph.modules():
        if isinstance(part, RECTIFIERS):
            part.register_full_backward_hook(replaced)
    with torch.enable_grad():
        image = problem.image.detach().requires_grad_()
        score = problem.of_logits(graph(problem.model.normalize(image)))
        (gradient,) = torch.autograd.grad(score.sum(), image)
    return gradient[0]


@_identity("guided-grad-cam", "= guided backpropagation × Grad-CAM")
def _guided_grad_cam(problem: Problem) -> float:
    coarse = enlarge(_values(problem, "grad-cam").float(), problem.size)
    wanted = _values(problem, "guided-backprop") * coarse
    return _apart(_values(problem, "guided-grad-cam"), wanted)


@_identity("lrp", "without biases, the whole score arrives")
def _lrp(problem: Problem) -> float:
    graph = canonized(problem.model)
    same = _apart(_values(problem, "lrp"), composite_relevance(problem, graph))
    graph = copy.deepcopy(graph)
    with torch.no_grad():
        for name, value in graph.state_dict().items():
            if name.rpartition(".")[2] in ("bias", "running_mean", "in_proj_bias"):
                value.zero_()
        score = float(problem.of_logits(graph(problem.model.normalize(problem.image))))
    return max(same, _off(float(composite_relevance(problem, graph).double().sum()), score))


@_identity("xrai", "sums to its two integrated gradients")
def _xrai(problem: Problem) -> float:
    ends = (torch.zeros_like(problem.image), torch.ones_like(problem.image))
    wanted = sum(float(integrate(problem, end, 2).double().sum()) for end in ends) / 2
    return _off(float(_values(problem, "xrai", steps=2).sum()), wanted)


@_identity("extremal-perturbation", "more than half visible: a tenth of the picture")
def _extremal(problem: Problem) -> float:
    visible = _values(problem, "extremal-perturbation", steps=60) > 0.5
    return _off(float(visible.double().mean()), 0.1)
