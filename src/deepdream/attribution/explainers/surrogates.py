"""A linear model of the regions, fitted to the network near the picture by weighted least squares.

Captum's defaults fit by Lasso, whose penalty does not know the scale of the scores: with small scores it
sets a whole map to zero. Least squares has no such penalty.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor

from deepdream.attribution.explainers.coalitions import Game, game, spread
from deepdream.attribution.method_options import Meaning, Segments
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction
from deepdream.attribution.segments import count_of, superpixels

Coalitions = Annotated[
    int, Meaning("Random choices of visible regions that the linear model is fitted to.", least=1)
]
Width = Annotated[float, Meaning("Width of the kernel that weights samples near the picture.", above=0)]
_SHARED: dict[str, Any] = {
    "family": "surrogate",
    "needs": "nothing: the network is a black box",
    "cost": "samples forwards",
    "budgeted": Budgeted("samples", "forward"),
}


@register(
    "kernel-shap",
    question="What does each region add, fitted as one linear model?",
    paper="Lundberg, Lee 2017, A Unified Approach to Interpreting Model Predictions, arXiv:1705.07874",
    caveat="An estimate of Shapley values; the sum is exact, each value is not.",
    complete=True,
    **_SHARED,
)
def kernel_shap(
    score_function: ScoreFunction, *, samples: Coalitions = 400, segments: Segments = 25
) -> Outcome:
    """Least squares over random coalitions of superpixels, under the condition that the sum is right."""
    regions = superpixels(score_function.image, segments)
    worth = game(score_function, regions, may_stop=True)
    values, used = kernel_values(worth, count_of(regions), samples, score_function.generator())
    outcome = spread(values, regions)
    return Outcome.of_samples(outcome.values, used, samples, **outcome.options)


@register(
    "lime",
    question="Which regions matter for the score near this picture, as a linear model sees it?",
    paper="Ribeiro, Singh, Guestrin 2016, Why Should I Trust You?, arXiv:1602.04938",
    caveat="Depends on the regions, the kernel's width and the draw: look at another seed.",
    **_SHARED,
)
def lime(
    score_function: ScoreFunction, *, samples: Coalitions = 400, segments: Segments = 36, width: Width = 0.25
) -> Outcome:
    """The coefficients of a weighted linear model; near means few regions hidden (cosine distance)."""
    regions = superpixels(score_function.image, segments)
    worth = game(score_function, regions, may_stop=True)
    values, used = lime_values(worth, count_of(regions), samples, width, score_function.generator())
    return Outcome.of_samples(values[regions.cpu()], used, samples, segments=len(values))


def kernel_values(worth: Game, count: int, samples: int, random: torch.Generator) -> tuple[Tensor, int]:
    """(n,) estimates of the Shapley values, and from how many coalitions; ``worth`` may leave out the last.

    Coalition sizes are drawn with the Shapley kernel, (n - 1) / (s (n - s)), so that the fit needs no
    weights; each coalition comes with its complement (Covert, Lee 2021, arXiv:2012.01536).
    """
    ends = worth(torch.tensor([[0.0] * count, [1.0] * count])).double()
    total = ends[1] - ends[0]
    if count == 1:
        return total[None], samples
    sizes = torch.arange(1, count).double()
    chosen_sizes = (
        torch.multinomial(1 / (sizes * (count - sizes)), max(samples // 2, count), True, generator=random) + 1
    )
    ranks = torch.rand(len(chosen_sizes), count, generator=random).argsort(dim=1).argsort(dim=1)
    half = (ranks < chosen_sizes[:, None]).float()
    members = torch.stack([half, 1 - half], dim=1).flatten(0, 1)
    gains = worth(members).double() - ends[0]
    members = members[: len(gains)]
    # The last value is what the others leave of the total, which takes the condition out of the fit.
    design = (members[:, :-1] - members[:, -1:]).double()
    first = least_squares(design, gains - members[:, -1].double() * total)
    return torch.cat([first, (total - first.sum())[None]]), len(gains)


def lime_values(
    worth: Game, count: int, samples: int, width: float, random: torch.Generator
) -> tuple[Tensor, int]:
    """(n,) coefficients, and from how many samples, the first of which is the whole picture."""
    members = (torch.rand(max(samples, count + 1), count, generator=random) < 0.5).float()
    members[0] = 1  # the picture itself, which is what the model must get right
    worths = worth(members).double()
    members = members[: len(worths)]
    nearness = torch.exp(-((1 - members.mean(dim=1).sqrt()) ** 2) / width**2).double()
    design = torch.cat([members, torch.ones(len(members), 1)], dim=1).double()
    return least_squares(design, worths, nearness)[:-1], len(worths)


def least_squares(design: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """The coefficients of least weighted square error; the smallest ones where many fit equally well."""
    root = torch.ones_like(target) if weights is None else weights.sqrt()
    # By singular values: with fewer samples than regions the system has no single solution.
    solution: Tensor = torch.linalg.lstsq(
        design * root[:, None], (target * root)[:, None], driver="gelsd"
    ).solution
    return solution[:, 0]
