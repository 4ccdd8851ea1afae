"""Shapley values of regions: what a region adds, averaged over everything that may already be visible."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import torch
from torch import Tensor

from deepdream.attribution.method_options import Meaning, Segments
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction
from deepdream.attribution.segments import count_of, superpixels

#: More regions would need more than 16384 pictures.
MOST_PLAYERS = 14
Players = Annotated[
    int,
    Meaning(
        "About how many superpixels; n of them take 2^n pictures. shapley-sampling and kernel-shap take more.",
        least=1,
        most=MOST_PLAYERS,
    ),
]
Orders = Annotated[
    int, Meaning("Random orders of the regions; an odd number is raised to an even one.", least=1)
]
_SHAPLEY = "Shapley 1953, A Value for n-Person Games"
_SHARED: dict[str, Any] = {
    "family": "perturbation",
    "needs": "nothing: the network is a black box",
    "complete": True,
}

#: A game: which players take part, (N, n) of 0 and 1, to what each coalition is worth, (N,).
Game = Callable[[Tensor], Tensor]


def _players_for(score_function: ScoreFunction, passes: int) -> int:
    """The most segments that fit: there may be more superpixels than segments, and one more doubles the passes."""
    for segments in range(min(MOST_PLAYERS - 2, passes.bit_length() - 1), 2, -1):
        if 2 ** count_of(superpixels(score_function.image, segments)) <= passes:
            return segments
    return 2


@register(
    "shapley",
    question="What does each region add, whatever else is visible?",
    paper=_SHAPLEY,
    caveat="Exact for these regions and this baseline only; other regions, other values.",
    cost="2^segments forwards (512)",
    budgeted=Budgeted("segments", "forward", value=_players_for, usual=512),
    **_SHARED,
)
def shapley(score_function: ScoreFunction, *, segments: Players = 9) -> Outcome:
    """Exact Shapley values of superpixels over all 2^n coalitions."""
    regions = superpixels(score_function.image, segments)
    return spread(exact_values(game(score_function, regions), count_of(regions)), regions)


@register(
    "shapley-sampling",
    question="What does each of many regions add, averaged over random orders?",
    paper="Castro, Gomez, Tejada 2009, DOI 10.1016/j.cor.2008.04.004",
    caveat="Each value is an estimate; their sum is exact.",
    cost="samples x segments forwards",
    budgeted=Budgeted("samples", "forward", units=26, least=2),
    **_SHARED,
)
def shapley_sampling(
    score_function: ScoreFunction, *, samples: Orders = 12, segments: Segments = 25
) -> Outcome:
    """The mean gain of each superpixel over ``samples`` orders: pairs of a random order and its reverse."""
    regions = superpixels(score_function.image, segments)
    count = count_of(regions)
    worth, random = game(score_function, regions), score_function.generator()
    values, used = sampled_values(worth, count, samples, random, stop=lambda: score_function.late)
    outcome = spread(values, regions)
    return Outcome.of_samples(outcome.values, used, samples, **outcome.options)


def game(score_function: ScoreFunction, regions: Tensor, *, may_stop: bool = False) -> Game:
    """The score of the picture with some regions visible and the baseline elsewhere.

    With ``may_stop`` there are fewer numbers than coalitions where the time is over.
    """
    baseline = score_function.baseline

    def worth(coalitions: Tensor) -> Tensor:
        def masks(start: int, stop: int) -> Tensor:
            return coalitions[start:stop].to(regions.device)[:, regions][:, None]

        scores = score_function.masked_scores_of(len(coalitions), masks, baseline, may_stop=may_stop)
        return scores.double().cpu()

    return worth


def exact_values(worth: Game, count: int) -> Tensor:
    """(n,) Shapley values: sum over coalitions S without i of |S|! (n-|S|-1)! / n! (v(S + i) - v(S))."""
    numbers = torch.arange(2**count)  # a coalition is a number, each player one of its bits
    members = (numbers[:, None] >> torch.arange(count)) & 1
    worths = worth(members.float()).double()
    sizes = members.sum(dim=1)
    shares = [1 / (count * math.comb(count - 1, size)) for size in range(count)]
    weights = torch.tensor(shares, dtype=torch.float64)
    gains = []
    for player in range(count):
        without = numbers[(numbers >> player) & 1 == 0]
        gains.append((weights[sizes[without]] * (worths[without + (1 << player)] - worths[without])).sum())
    return torch.stack(gains)


def sampled_values(
    worth: Game, count: int, samples: int, random: torch.Generator, stop: Callable[[], bool] = lambda: False
) -> tuple[Tensor, int]:
    """(n,) mean gains over ``samples`` orders (an odd number is made even), and how many orders it took."""
    values = torch.zeros(count, dtype=torch.float64)
    pairs, used = max(1, (samples + 1) // 2), 0
    while used < 2 * pairs and not (used and stop()):
        order = torch.randperm(count, generator=random)
        # An order and its reverse: what a player gains early and late cancels most of the noise.
        for sequence in (order, order.flip(0)):
            joined = torch.zeros(count + 1, count)
            for place, player in enumerate(sequence.tolist(), start=1):
                joined[place:, player] = 1
            values[sequence] += worth(joined).double().diff()
        used += 2
    return values / used, used


def spread(values: Tensor, regions: Tensor) -> Outcome:
    """Each region's value shared equally by its pixels, so that the map's sum is the sum of the values."""
    regions = regions.cpu()
    density = values.float() / torch.bincount(regions.flatten(), minlength=len(values))
    return Outcome(density[regions], {"segments": len(values)})
