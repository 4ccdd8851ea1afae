"""captum's two metrics, made comparable: infidelity on cells, and the largest change under a small one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from deepdream.attribution.checks.check_registry import (
    CheckResult,
    check_of_maps,
    check_of_methods,
)
from deepdream.attribution.checks.context import CheckContext, Measurement
from deepdream.attribution.checks.maps import EDGES, edge_map, to_cells
from deepdream.attribution.checks.tested_map import MapUnderTest, needs_method
from deepdream.attribution.checks.verdicts import ControlScores, Verdict
from deepdream.tensors import generator

#: Random sets of hidden cells, and the share of the cells in each.
SAMPLES, SHARE = 100, 0.2
#: The largest change of a pixel, and how many pictures so near are explained.
RADIUS, NEIGHBORS = 0.02, 3


def infidelity_of(
    score: Callable[[Tensor], Tensor],
    inputs: Tensor,
    attribution: Tensor,
    *,
    draw: Callable[[Tensor], Tensor],
    samples: int = SAMPLES,
    scaled: bool = True,
) -> float:
    """captum's infidelity: the mean squared gap between a predicted and a real drop of the score.

    Args:
        score: (B, ...) -> (B,).
        inputs: (1, ...).
        draw: Gives the perturbation of a batch of inputs, to be subtracted.
        scaled: Whether the map is first scaled as suits it best, so that units do not matter.
    """
    from captum.metrics import infidelity

    def perturb(batch: Tensor) -> tuple[Tensor, Tensor]:
        change = draw(batch)
        return change, batch - change

    with torch.no_grad():
        error = infidelity(score, perturb, inputs, attribution, n_perturb_samples=samples, normalize=scaled)
    return float(error)


@check_of_maps(
    "infidelity",
    order=130,
    once=SAMPLES,
    better="lower",
    question="When a random fifth of the cells is hidden, does the map foretell how far the class falls?",
    paper="Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, arXiv:1901.09392",
    good="0 is perfect, 1 is no better than a map of zeros; lower than every control",
    cost="100 forwards a picture",
)
def infidelity(context: CheckContext, heatmap: Tensor) -> Measurement:
    """The unexplained part of the squared drops of the probability; the map's scale is free, its sign is not.

    captum's scale may be negative, and would praise a map for foretelling the opposite. The same seeded sets of
    cells are hidden for every map, so the network runs only once.
    """
    cells = to_cells(heatmap).nan_to_num(0, 0, 0)[None].flatten(1)
    everything = torch.ones_like(cells)

    def score(visible: Tensor) -> Tensor:
        return context.kept("blur", visible > 0.5)

    def gap(values: Tensor, *, scaled: bool = False) -> float:
        source = generator(context.seed)

        def hide(batch: Tensor) -> Tensor:
            return (torch.rand(batch.shape, generator=source) < SHARE).to(batch)

        return infidelity_of(score, everything, values, draw=hide, scaled=scaled)

    # The gap of a map of zeros is the whole variation: divided by it, the number has no unit.
    whole = gap(torch.zeros_like(cells))
    if whole == 0:
        return Measurement({"blur": 0.0})
    foretells = gap(cells) < gap(-cells)
    return Measurement({"blur": gap(cells, scaled=True) / whole if foretells else 1.0})


def sensitivity_of(explanation: Callable[[Tensor], Tensor], image: Tensor, *, seed: int = 0) -> float:
    """captum's max-sensitivity: the largest relative change of a map under noise within ``RADIUS``.

    ``explanation`` takes (B, 3, H, W) in [0, 1]; the noise is uniform and its generator is seeded.
    """
    from captum.metrics import sensitivity_max

    source = generator(seed)

    def shake(inputs: Tensor | tuple[Tensor, ...], radius: float) -> tuple[Tensor, ...]:
        batch = inputs if isinstance(inputs, Tensor) else inputs[0]
        noise = torch.rand(batch.shape, generator=source).to(batch) * 2 - 1
        return ((batch + radius * noise).clamp(0, 1),)

    def explained(inputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor]:
        # A tuple, always: a bare tensor is taken apart row by row by captum 0.9, which then reports nonsense.
        return (explanation(inputs if isinstance(inputs, Tensor) else inputs[0]),)

    change = sensitivity_max(
        explained,
        image,
        perturb_func=shake,
        perturb_radius=RADIUS,
        n_perturb_samples=NEIGHBORS,
        max_examples_per_batch=1,
    )
    return float(change)


@check_of_methods(
    "sensitivity",
    order=310,
    recomputations=3,
    better="lower",
    applies=needs_method,
    question="How far does the map change when every pixel is shaken by at most 2 %?",
    paper="Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, arXiv:1901.09392",
    good="well below 1; a map that ignores the picture scores 0, so a low value alone proves nothing",
    cost="3 explanations",
)
def sensitivity(context: CheckContext, tested_map: MapUnderTest) -> CheckResult:
    """The largest relative change of the map; the controls are explained and shaken in the same way."""
    recompute = tested_map.recompute
    assert recompute is not None

    def explained(batch: Tensor) -> Tensor:
        if torch.equal(batch, context.image):  # captum explains the picture itself first
            return context.reference(tested_map)[None]
        with torch.enable_grad():
            return torch.stack([recompute(context.model, image[None], context.target) for image in batch])

    value = sensitivity_of(explained, context.image, seed=context.seed)

    def edges(batch: Tensor) -> Tensor:
        return torch.stack([edge_map(image[None]) for image in batch])

    # Random maps and the blob do not look at the picture: shaking it cannot change them.
    scores = dict.fromkeys(context.controls, 0.0)
    scores[EDGES] = sensitivity_of(edges, context.image.cpu(), seed=context.seed)
    supports: bool | None = False
    if not value < float("inf"):
        words = "not a number: the map cannot be measured"
    elif value >= 1:
        words = "unsteady: noise too small to see changes the map by more than its own length"
    else:
        # A map that ignores the picture is the steadiest of all, so a low value supports nothing.
        side, supports = "steadier" if value <= scores[EDGES] else "less steady", None
        words = f"{side} than the edge detector; steadiness alone proves nothing (the centered blob scores 0)"
    if tested_map.reduced_passes is not None:
        words += f"; maps of {tested_map.reduced_passes} passes through the network"
    return CheckResult.of(
        "sensitivity",
        tested_map,
        Measurement({"largest change": value}),
        verdict=Verdict(words, supports),
        control_scores={"largest change": ControlScores.of(scores)},
    )
