"""Gradients collected along a path from a baseline to the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from typing import Annotated

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from deepdream.attribution.baselines import blur
from deepdream.attribution.explanation import completeness_gap
from deepdream.attribution.method_options import Meaning, Samples
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction

#: Paths start with this many steps and never take more than that many.
FIRST_STEPS, MOST_STEPS = 25, 800
TOLERANCE = 0.01
#: The path's ends are asked just inside: at a baseline of zeros a unit without bias lies on its kink.
ENDS = torch.tensor([1e-4, 1 - 1e-4])

Steps = Annotated[
    int | None, Meaning("Points on the path; auto doubles them until the map sums to the score.", least=1)
]
MostSteps = Annotated[int, Meaning("The largest number of points to which the steps are doubled.", least=1)]
PathSteps = Annotated[int, Meaning("Steps from the baseline to the picture.", least=1)]
BaselineNoise = Annotated[
    float, Meaning("Standard deviation of the noise added to the baseline, in [0, 1].", least=0)
]
Sigma = Annotated[
    float | None,
    Meaning("Strength of the first blur in pixels; auto is 50 at 224 pixels.", above=0, most=10_000),
]
Fraction = Annotated[float, Meaning("Share of the pixels that may move in one step.", above=0, most=1)]
Distance = Annotated[
    float, Meaning("How far the path may leave the straight line, as a share of its length.", least=0, most=1)
]


@register(
    "integrated-gradients",
    question="How is the score's rise above the baseline shared among the pixels?",
    paper="Sundararajan, Taly, Yan 2017, Axiomatic Attribution for Deep Networks, arXiv:1703.01365",
    caveat="Relative to the baseline: pixels of the baseline's color get nothing. The path leaves the data.",
    family="gradient",
    cost="51 to 801 forwards and backwards: steps are doubled until it sums",
    complete=True,
    budgeted=Budgeted("most", "backward", least=25),
)
def integrated_gradients(
    score_function: ScoreFunction, *, steps: Steps = None, most: MostSteps = MOST_STEPS
) -> Outcome:
    """Steps are doubled until the sum is right twice in a row; given ``steps`` are Gauss-Legendre's.

    Measured on the embedded network: at captum's 50 steps the sum misses by 0.3 to 23 %, and not
    monotonically, so one good value is no proof. Doubling goes by the trapezoid rule, which keeps all of
    its points: the network's gradient jumps along the path, so a rule of higher order gains nothing.
    """
    if steps is not None:
        return Outcome(integrate(score_function, score_function.baseline, steps), {"steps": steps})
    start, span = score_function.baseline, score_function.image - score_function.baseline
    return _until_it_sums(
        score_function, most, _trapezoids(score_function, start, span), score_function.score_of(start)
    )


def _trapezoids(score_function: ScoreFunction, start: Tensor, span: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Steps and the integral (3, H, W) by them, in float64: each time twice as many, all old points kept."""

    def collected(shares: Tensor) -> Tensor:
        total = torch.zeros_like(span[0], dtype=torch.float64)
        for part in torch.split(shares, score_function.chunk):
            points = start + part[:, None, None, None].to(span) * span
            total += score_function.gradients(points).sum(dim=0, dtype=torch.float64)
        return total

    steps = FIRST_STEPS
    gradient = (collected(ENDS) / 2 + collected(torch.arange(1, steps) / steps)) / steps
    while True:
        yield steps, gradient * span[0]
        gradient = (gradient + collected((torch.arange(steps) + 0.5) / steps) / steps) / 2
        steps *= 2


def _until_it_sums(
    score_function: ScoreFunction, most: int, estimates: Iterator[tuple[int, Tensor]], baseline_score: float
) -> Outcome:
    """The first estimate whose sum is right for the second time in a row, or the last, and that it is not."""
    good = 0
    for steps, values in estimates:
        error = completeness_gap(float(values.sum()), score_function.image_score, baseline_score)
        good = good + 1 if error < TOLERANCE else 0
        if good == 2 or 2 * steps > most or score_function.late:
            break
    notes = () if good == 2 else (f"not converged at {steps} steps (error {error:.1%})",)
    return Outcome(values.float(), {"steps": steps, "most": most}, notes, baseline_score)


def integrate(score_function: ScoreFunction, baseline: Tensor, steps: int) -> Tensor:
    """Captum's integrated gradients (3, H, W) in chunks."""
    method = IntegratedGradients(score_function.score)
    image = score_function.image.clone().requires_grad_()
    found: Tensor = method.attribute(
        image,
        baselines=baseline,
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=score_function.chunk,
    )
    return found[0].detach()


@register(
    "gradient-shap",
    question="How is the rise above several noisy baselines shared, on average?",
    paper="Lundberg, Lee 2017, arXiv:1705.07874; Erion et al. 2019, Expected Gradients, arXiv:1906.10670",
    caveat="An estimate: it sums only on average over samples.",
    family="gradient",
    cost="2 x samples forwards, samples backwards",
    complete=True,
    budgeted=Budgeted("samples", "backward", units=1.4),
)
def gradient_shap(
    score_function: ScoreFunction, *, samples: Samples = 50, noise: BaselineNoise = 0.1
) -> Outcome:
    """Gradient times difference at one random point between the picture and each noisy baseline.

    Deviation: one point in each of ``samples`` equal parts of the way, instead of all drawn freely, which
    has the same mean and less noise.
    """
    values, scores = torch.zeros_like(score_function.image[0]), 0.0
    for baselines, shares in chunks_of_draws(score_function, samples, noise):
        differences = score_function.image - baselines
        values += (differences * score_function.gradients(baselines + shares * differences)).sum(
            dim=0
        ) / samples
        scores += float(score_function.scores(baselines).double().sum()) / samples
    return Outcome(values, baseline_score=scores)


def chunks_of_draws(
    score_function: ScoreFunction, samples: int, noise: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """Noisy baselines (B, 3, H, W), and how far to go from each to the picture (B, 1, 1, 1)."""
    random = score_function.generator()
    places = torch.arange(samples) + torch.rand(samples, generator=random)
    baselines = noisy_baselines(score_function, noise, random)
    for part in torch.split(
        (places / samples)[:, None, None, None].to(score_function.image), score_function.chunk
    ):
        yield torch.cat(list(islice(baselines, len(part)))), part


def noisy_baselines(score_function: ScoreFunction, noise: float, random: torch.Generator) -> Iterator[Tensor]:
    """Copies of the baseline with Gaussian noise, kept within [0, 1], without end."""
    baseline = score_function.baseline
    while True:
        drawn = torch.randn(baseline.shape, generator=random).to(baseline)
        yield (baseline + noise * drawn).clamp(0, 1)


@register(
    "blur-ig",
    question="How does the score rise while the picture comes into focus, and by which pixels?",
    paper="Xu, Venugopalan, Sundararajan 2020, Attribution in Scale and Space, arXiv:2004.03383",
    caveat="Nothing is what is left after a strong blur; flat areas get nothing.",
    family="gradient",
    cost="75 to 1575 forwards and backwards: steps are doubled until it sums",
    complete=True,
    budgeted=Budgeted("most", "backward", units=2, least=25),
)
def blur_ig(
    score_function: ScoreFunction,
    *,
    steps: Steps = None,
    most: MostSteps = MOST_STEPS,
    sigma: Sigma = None,
) -> Outcome:
    """Gradients along ever weaker blurs; ``sigma`` in pixels is where it starts (default: 50 at 224).

    Steps are doubled until the sum is right twice in a row, unless given. Deviation: the blur shrinks with the
    square of the step, and each step's exact difference is multiplied by the gradient in its middle, so that
    fewer steps sum to the score.
    """
    widest = sigma if sigma is not None else 50 * max(score_function.size) / 224
    start = score_function.score_of(blur(score_function.image, widest))
    if steps is not None:
        values = _along_blurs(score_function, steps, widest)
        return Outcome(values, {"steps": steps, "sigma": widest}, baseline_score=start)
    doubled = (FIRST_STEPS * 2**power for power in count())
    estimates = ((taken, _along_blurs(score_function, taken, widest)) for taken in doubled)
    found = _until_it_sums(score_function, most, estimates, start)
    return replace(found, options={**found.options, "sigma": widest})


def _along_blurs(score_function: ScoreFunction, steps: int, widest: float) -> Tensor:
    """(3, H, W): what each of ``steps`` steps into focus brings, by the gradient in its middle."""

    def at(place: float) -> Tensor:
        return blur(score_function.image, widest * (1 - place / steps) ** 2)

    values = torch.zeros_like(score_function.image[0])
    for start in range(0, steps, score_function.chunk):
        places = range(start, min(start + score_function.chunk, steps))
        rises = torch.cat([at(place + 1) - at(place) for place in places])
        gradients = score_function.gradients(torch.cat([at(place + 0.5) for place in places]))
        values += (rises * gradients).sum(dim=0)
    return values


@register(
    "guided-ig",
    question="The same as integrated gradients, along a path that avoids noisy gradients?",
    paper="Kapishnikov et al. 2021, Guided Integrated Gradients, arXiv:2106.09788",
    caveat="The path depends on the network, so two networks are explained along two paths.",
    family="gradient",
    cost="steps forwards, steps backwards, one after the other",
    complete=True,
    budgeted=Budgeted("steps", "backward", units=1.2, alone=True),
)
def guided_ig(
    score_function: ScoreFunction,
    *,
    steps: PathSteps = 200,
    fraction: Fraction = 0.25,
    distance: Distance = 0.02,
) -> Outcome:
    """Pixels with the smallest gradients move first, no further than ``distance`` from the straight path.

    ``distance=0`` is integrated gradients by the trapezoid rule. Deviations: the gradient of a step is the mean
    of those at its two ends, which costs nothing and sums better than the first alone; where the time ends
    before the path does, the last step is straight.
    """
    start, end = score_function.baseline[0], score_function.image[0]
    span = (end - start).abs().sum()
    x, values = start, torch.zeros_like(start)
    gradient = score_function.gradients(x[None])[0]
    for step in range(1, steps + 1):
        limits = [start + min(max(step / steps + d, 0.0), 1.0) * (end - start) for d in (-distance, distance)]
        moved = _guided_step(x, gradient, (limits[0], limits[1], end), span * (1 - step / steps), fraction)
        late = step < steps and score_function.late
        moved = end if late else moved
        arrived = score_function.gradients(moved[None])[0]
        values += (moved - x) * (gradient + arrived) / 2
        x, gradient = moved, arrived
        if late:
            break
    notes = (f"the time ended after {step} of {steps} steps",) if step < steps else ()
    return Outcome(values, {"steps": step}, notes)


def _guided_step(
    x: Tensor, gradient: Tensor, limits: tuple[Tensor, Tensor, Tensor], left: Tensor, fraction: float
) -> Tensor:
    """Move pixels of small gradient to their upper limit until the distance to the end is ``left``."""
    low, high, end = limits
    behind = (x - end).abs() > (low - end).abs()
    x = torch.where(behind, low, x)
    cost = torch.where(x == high, torch.inf, gradient.abs())
    while (surplus := (x - end).abs().sum() - left) > 1e-9 * end.numel() and torch.isfinite(cost).any():
        # The quantile over all pixels, those that have arrived included, as in the authors' code.
        rank = max(1, int(fraction * cost.numel()))
        threshold = torch.minimum(cost.flatten().kthvalue(rank).values, cost[torch.isfinite(cost)].max())
        chosen = cost <= threshold
        reach = (high - x).abs()[chosen].sum()
        share = (surplus / reach).clamp(max=1.0) if reach > 0 else torch.ones(())
        x = torch.where(chosen, x + share * (high - x), x)
        if share < 1:
            break
        cost = torch.where(chosen, torch.inf, cost)
    return x
