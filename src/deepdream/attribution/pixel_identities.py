"""Identities of the methods that work on the picture: gradients, paths, perturbations, regions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from deepdream.attribution.explainers.paths import chunks_of_draws, integrate
from deepdream.attribution.explainers.perturbations import random_mask
from deepdream.attribution.identity import identity, largest_difference, relative_error, values_of
from deepdream.attribution.score_function import ScoreFunction
from deepdream.models.copies import copied


@identity("saliency", "slope measured in float64")
def saliency(score_function: ScoreFunction) -> float:
    gradient = values_of(score_function, "saliency")
    # Along the gradient the slope is its length, so one difference of two scores measures it.
    step = 1e-4 * gradient / gradient.norm()
    # In float64: a difference of two float32 scores over a step this short is mostly rounding.
    exact = replace(score_function.model, module=copied(score_function.model.module).double())
    twin = replace(score_function, model=exact, image=score_function.image.double())
    slope = (twin.score_of(twin.image + step) - twin.score_of(twin.image - step)) / 2e-4
    return relative_error(float(gradient.norm()), slope)


@identity("input-x-gradient", "= picture × saliency")
def input_x_gradient(score_function: ScoreFunction) -> float:
    return largest_difference(
        values_of(score_function, "input-x-gradient"),
        score_function.image[0].double() * values_of(score_function, "saliency"),
    )


@identity("smoothgrad", "without noise = saliency")
def smoothgrad(score_function: ScoreFunction) -> float:
    return largest_difference(
        values_of(score_function, "smoothgrad", samples=2, noise=0.0), values_of(score_function, "saliency")
    )


@identity("smoothgrad-squared", "without noise = saliency²")
def smoothgrad_squared(score_function: ScoreFunction) -> float:
    squared = values_of(score_function, "saliency").square()
    return largest_difference(values_of(score_function, "smoothgrad-squared", samples=2, noise=0.0), squared)


@identity("vargrad", "= smoothgrad-squared − smoothgrad²")
def vargrad(score_function: ScoreFunction) -> float:
    mean, square = (
        values_of(score_function, name, samples=2) for name in ("smoothgrad", "smoothgrad-squared")
    )
    return largest_difference(values_of(score_function, "vargrad", samples=2), square - mean.square())


@identity("gradient-shap", "= gradient × difference at its draws, one by one")
def gradient_shap(score_function: ScoreFunction) -> float:
    expected = torch.zeros_like(score_function.image[0], dtype=torch.float64)
    # The same seed gives the same draws; here each gradient is of one picture alone.
    for baselines, shares in chunks_of_draws(score_function, 4, 0.1):
        for baseline, share in zip(baselines, shares, strict=True):
            difference = score_function.image[0] - baseline
            at = (baseline + share * difference)[None]
            expected += (difference * score_function.gradients(at)[0]).double() / 4
    return largest_difference(values_of(score_function, "gradient-shap", samples=4, noise=0.1), expected)


@identity("guided-ig", "on the straight path = integrated gradients by the trapezoid rule")
def guided_ig(score_function: ScoreFunction) -> float:
    steps, start = 8, score_function.baseline
    span = score_function.image - start
    shares = torch.arange(steps + 1).to(span)[:, None, None, None] / steps
    gradients = score_function.gradients(start + shares * span).double()
    expected = span[0] * (gradients[1:] + gradients[:-1]).sum(dim=0) / (2 * steps)
    return largest_difference(values_of(score_function, "guided-ig", steps=steps, distance=0.0), expected)


@identity("occlusion", "of everything = the whole rise, everywhere")
def occlusion(score_function: ScoreFunction) -> float:
    return whole_rise(
        score_function, "occlusion", window=min(score_function.size), stride=min(score_function.size)
    )


@identity("feature-ablation", "of one region = the whole rise")
def feature_ablation(score_function: ScoreFunction) -> float:
    return whole_rise(score_function, "feature-ablation", segments=1)


@identity("lime", "of one region = the whole rise")
def lime(score_function: ScoreFunction) -> float:
    return whole_rise(score_function, "lime", segments=1, samples=4)


def whole_rise(score_function: ScoreFunction, method: str, **options: Any) -> float:
    values = values_of(score_function, method, **options)
    rise = score_function.image_score - score_function.score_of(score_function.baseline)
    return largest_difference(values, torch.full_like(values, rise))


@identity("rise", "= the mean over its masks, one by one")
def rise(score_function: ScoreFunction) -> float:
    random, count = score_function.generator(), 8
    # In the order in which the method draws them.
    masks = [random_mask(score_function.size, 7, 0.5, random).double() for _ in range(count)]
    baseline = score_function.baseline

    def score(mask: Tensor) -> float:
        mask = mask.to(score_function.image)
        return score_function.score_of(score_function.image * mask + baseline * (1 - mask))

    scores = torch.tensor([score(mask) for mask in masks], dtype=torch.float64)
    visible = torch.stack(masks)
    weighted = torch.einsum("b,bhw->hw", scores, visible) / visible.sum(dim=0)
    expected = torch.where(visible.sum(dim=0) > 0, weighted - scores.mean(), 0.0)
    return largest_difference(values_of(score_function, "rise", samples=count), expected)


@identity("xrai", "sums to its two integrated gradients")
def xrai(score_function: ScoreFunction) -> float:
    # Two steps: the identity holds for any number of them.
    ends = (torch.zeros_like(score_function.image), torch.ones_like(score_function.image))
    expected = sum(float(integrate(score_function, end, 2).double().sum()) for end in ends) / 2
    return relative_error(float(values_of(score_function, "xrai", steps=2).sum()), expected)


@identity("extremal-perturbation", "more than half visible: a tenth of the picture")
def extremal(score_function: ScoreFunction) -> float:
    # Fewer steps than usual: leveling gives the area at any stage of the search.
    visible = values_of(score_function, "extremal-perturbation", steps=60) > 0.5
    return relative_error(float(visible.double().mean()), 0.1)
