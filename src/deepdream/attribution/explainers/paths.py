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
#: The gradients of the path's ends are taken just inside: at a baseline of zeros a unit without bias is on its kink.
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
    start = score_function.baseline
    span = score_function.image - start

    def total_at(shares: Tensor) -> Tensor:
        total = torch.zeros_like(span[0], dtype=torch.float64)  # float32 would lose digits over 800 gradients
        for part in torch.split(shares, score_function.chunk):
            points = start + part[:, None, None, None].to(span) * span
            total += score_function.gradients(points).sum(dim=0, dtype=torch.float64)
        return total

    def trapezoids() -> Iterator[tuple[int, Tensor]]:
        steps = FIRST_STEPS
        gradient = (total_at(ENDS) / 2 + total_at(torch.arange(1, steps) / steps)) / steps
        while True:
            yield steps, gradient * span[0]
            # The middles of all steps: together with the old points these are twice as many steps.
            gradient = (gradient + total_at((torch.arange(steps) + 0.5) / steps) / steps) / 2
            steps *= 2

    return _until_it_sums(score_function, most, trapezoids(), score_function.score_of(start))


def _until_it_sums(
    score_function: ScoreFunction, most: int, estimates: Iterator[tuple[int, Tensor]], baseline_score: float
) -> Outcome:
    """The first estimate (steps, map) whose sum is right for the second time in a row, or the last with a note."""
    good = 0  # in a row: one good sum may be an accident
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
    values: Tensor = method.attribute(
        image,
        baselines=baseline,
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=score_function.chunk,
    )
    return values[0].detach()


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
        gradients = score_function.gradients(baselines + shares * differences)
        values += (differences * gradients).sum(dim=0) / samples
        scores += float(score_function.scores(baselines).double().sum()) / samples
    return Outcome(values, baseline_score=scores)


def chunks_of_draws(
    score_function: ScoreFunction, samples: int, noise: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """Noisy baselines (B, 3, H, W), and how far to go from each to the picture (B, 1, 1, 1)."""
    random = score_function.generator()
    # All shares first and the baselines one by one: the numbers do not depend on the size of a chunk.
    positions = torch.arange(samples) + torch.rand(samples, generator=random)
    shares = (positions / samples)[:, None, None, None].to(score_function.image)
    baselines = noisy_baselines(score_function, noise, random)
    for part in torch.split(shares, score_function.chunk):
        yield torch.cat(list(islice(baselines, len(part)))), part


def noisy_baselines(score_function: ScoreFunction, noise: float, random: torch.Generator) -> Iterator[Tensor]:
    """Copies of the baseline with Gaussian noise, kept within [0, 1], without end."""
    baseline = score_function.baseline
    while True:
        # Drawn on the CPU, so that every device gets the same noise.
        normal = torch.randn(baseline.shape, generator=random).to(baseline)
        yield (baseline + noise * normal).clamp(0, 1)


@register(
    "blur-ig",
    question="How does the score rise while the picture comes into focus, and by which pixels?",
    paper="Xu, Venugopalan, Sundararajan 2020, Attribution in Scale and Space, arXiv:2004.03383",
    caveat="Relative to a strong blur of the picture; flat areas get nothing.",
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
    # Here no point of a path lies on the next one, so each doubling starts anew.
    doubled = (FIRST_STEPS * 2**power for power in count())
    estimates = ((number, _along_blurs(score_function, number, widest)) for number in doubled)
    outcome = _until_it_sums(score_function, most, estimates, start)
    return replace(outcome, options={**outcome.options, "sigma": widest})


def _along_blurs(score_function: ScoreFunction, steps: int, widest: float) -> Tensor:
    """(3, H, W): what each of ``steps`` steps into focus brings, by the gradient in its middle."""

    def at(position: float) -> Tensor:
        return blur(score_function.image, widest * (1 - position / steps) ** 2)

    values = torch.zeros_like(score_function.image[0])
    for start in range(0, steps, score_function.chunk):
        positions = range(start, min(start + score_function.chunk, steps))
        rises = torch.cat([at(position + 1) - at(position) for position in positions])
        gradients = score_function.gradients(torch.cat([at(position + 0.5) for position in positions]))
        values += (rises * gradients).sum(dim=0)
    return values
