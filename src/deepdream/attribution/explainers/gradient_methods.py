"""The gradient and its averages over noise."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from deepdream.attribution.method_options import Meaning, Samples
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction

Noise = Annotated[
    float, Meaning("Standard deviation of the noise, as a share of the picture's range.", least=0)
]
_AVERAGED: dict[str, Any] = {
    "family": "gradient",
    "cost": "samples forwards, samples backwards",
    "signed": False,
    "budgeted": Budgeted("samples", "backward"),
}


@register(
    "saliency",
    question="Which pixels would change the score most if they changed a little?",
    paper="Simonyan, Vedaldi, Zisserman 2013, Deep Inside Convolutional Networks, arXiv:1312.6034",
    caveat="Sensitivity, not contribution: a saturated network is insensitive to what convinced it. Noisy.",
    family="gradient",
    cost="1 forward, 1 backward",
    signed=False,
    reduction="max-abs",
)
def saliency(score_function: ScoreFunction) -> Tensor:
    """The gradient of the score; its map is the largest absolute value of the three colors."""
    return score_function.gradients(score_function.image)[0]


@register(
    "input-x-gradient",
    question="How much would the score lose, to first order, if a pixel went black?",
    paper="Shrikumar et al. 2016, Not Just a Black Box, arXiv:1605.01713",
    caveat="Black pixels get nothing, whatever they mean; does not sum to the score unless it is linear.",
    family="gradient",
    cost="1 forward, 1 backward",
    unit="logits per pixel",
)
def input_x_gradient(score_function: ScoreFunction) -> Tensor:
    """The picture in [0, 1] times the gradient."""
    return score_function.image[0] * score_function.gradients(score_function.image)[0]


@register(
    "smoothgrad",
    question="Which pixels does the score depend on, on average over small disturbances?",
    paper="Smilkov et al. 2017, SmoothGrad, arXiv:1706.03825",
    caveat="The noise level is a choice, and the average explains a neighborhood, not this picture.",
    reduction="max-abs",
    **_AVERAGED,
)
def smoothgrad(score_function: ScoreFunction, *, samples: Samples = 25, noise: Noise = 0.15) -> Outcome:
    """The mean gradient over ``samples`` noisy pictures; ``noise`` is a share of the picture's range."""
    (mean,), used = _moments(score_function, samples, noise, 1)
    return Outcome.of_samples(mean, used, samples)


@register(
    "smoothgrad-squared",
    question="Where is the gradient large, whatever its sign, over small disturbances?",
    paper="Hooker et al. 2019, A Benchmark for Interpretability Methods, arXiv:1806.10758",
    caveat="Squares hide the sign, so disagreement and strong evidence look alike.",
    unit="squared gradient",
    **_AVERAGED,
)
def smoothgrad_squared(
    score_function: ScoreFunction, *, samples: Samples = 25, noise: Noise = 0.15
) -> Outcome:
    """The mean of the squared gradient over noisy pictures."""
    (square,), used = _moments(score_function, samples, noise, 2)
    return Outcome.of_samples(square, used, samples)


@register(
    "vargrad",
    question="Where does the gradient change most under small disturbances?",
    paper="Adebayo et al. 2018, Local Explanation Methods for Deep Networks, arXiv:1810.03307",
    caveat="Zero for a linear model: it measures instability, not evidence.",
    unit="squared gradient",
    **_AVERAGED,
)
def vargrad(score_function: ScoreFunction, *, samples: Samples = 25, noise: Noise = 0.15) -> Outcome:
    """The variance of the gradient over noisy pictures."""
    (mean, square), used = _moments(score_function, samples, noise, 1, 2)
    # Rounding can leave a variance of zero slightly below it.
    return Outcome.of_samples((square - mean.square()).clamp(min=0), used, samples)


def _moments(
    score_function: ScoreFunction, samples: int, noise: float, *powers: Literal[1, 2]
) -> tuple[list[Tensor], int]:
    """The means (3, H, W) of powers of the gradient in float64 over noisy pictures, and over how many."""
    image, random = score_function.image, score_function.generator()
    spread = noise * float(image.max() - image.min())
    # In float64: the variance is a small difference of two large means.
    sums = [torch.zeros_like(image[0], dtype=torch.float64) for _ in powers]
    used = 0
    for start in range(0, samples, score_function.chunk):
        count = min(score_function.chunk, samples - start)
        # Drawn picture by picture, so that the numbers do not depend on the size of the chunks.
        normal = torch.cat([torch.randn(image.shape, generator=random) for _ in range(count)])
        gradients = score_function.gradients(image + spread * normal.to(image))
        for total, power in zip(sums, powers, strict=True):
            total += (gradients if power == 1 else gradients.double().square()).sum(dim=0, dtype=total.dtype)
        used += count
        if score_function.late:
            break
    return [total / used for total in sums], used
