"""Which channels of a layer carried a prediction: conductance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepdream.attribution.hooks import layer_gradients
from deepdream.attribution.question import Question
from deepdream.attribution.score_function import ScoreFunction, find_layer
from deepdream.models import Layer, Model

FIRST_STEPS, MOST_STEPS = 25, 800
TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class ChannelScores:
    """How the rise of a score above the baseline is shared among the channels of a layer.

    Attributes:
        scores: (C,) in logits; their sum is ``score - baseline_score`` if all of it passes the layer.
        completeness_error: The distance from that, as a share of it.
    """

    layer: str
    target: int
    label: str
    against: int | None
    scores: Tensor
    score: float
    baseline_score: float
    completeness_error: float
    steps: int
    forwards: int
    backwards: int
    notes: tuple[str, ...] = ()

    def top(self, count: int) -> list[tuple[int, float]]:
        """The channels with the largest absolute scores, as (channel, score)."""
        found = self.scores.abs().topk(min(count, len(self.scores))).indices.tolist()
        return [(channel, float(self.scores[channel])) for channel in found]


def explain_channels(
    model: Model,
    image: Tensor,
    target: int | str | None = None,
    *,
    layer: str = "auto",
    against: int | str | None = None,
    baseline: str = "black",
    steps: int | None = None,
) -> ChannelScores:
    """Layer conductance of one picture (1, 3, H, W) in [0, 1].

    Dhamdhere, Sundararajan, Yan 2018, How Important Is a Neuron?, arXiv:1805.12233. The path is cut into
    ``steps`` pieces; the layer's exact difference over a piece is multiplied by the mean of the gradients
    at its ends. Without ``steps`` they are doubled until the sum is within 1 % twice in a row.

    Raises:
        UnknownNameError: no such layer, class or baseline.
    """
    score_function = ScoreFunction.of(model, image, Question(target, against, layer=layer, baseline=baseline))
    where = find_layer(score_function.model, "auto") if layer == "auto" else score_function.model.layer(layer)
    base = score_function.score_of(score_function.baseline)
    wanted = score_function.image_score - base
    if steps is not None:
        scores, used, settled = conductance(score_function, where, steps), steps, False
    else:
        scores, used, settled = _converged(score_function, where, wanted)
    error = _gap(scores, wanted)
    notes = () if error < TOLERANCE else (_missing(error, where, used, settled=settled),)
    return ChannelScores(
        layer=where.name,
        target=score_function.target,
        label=score_function.model.label(score_function.target),
        against=score_function.against,
        scores=scores.float().cpu(),
        score=score_function.image_score,
        baseline_score=base,
        completeness_error=error,
        steps=used,
        forwards=score_function.cost.forwards,
        backwards=score_function.cost.backwards,
        notes=notes,
    )


def _converged(score_function: ScoreFunction, layer: Layer, wanted: float) -> tuple[Tensor, int, bool]:
    """The scores, their steps, and whether doubling these changes nothing any more."""
    steps, scores = FIRST_STEPS, conductance(score_function, layer, FIRST_STEPS)
    while 2 * steps <= MOST_STEPS:
        steps, before, scores = 2 * steps, scores, conductance(score_function, layer, 2 * steps)
        good = max(_gap(before, wanted), _gap(scores, wanted)) < TOLERANCE
        # A layer that part of the score bypasses never sums; it has converged when doubling changes nothing.
        settled = float((scores - before).abs().sum()) < TOLERANCE * abs(wanted)
        if good or settled:
            return scores, steps, settled
    return scores, steps, False


def conductance(score_function: ScoreFunction, layer: Layer, steps: int) -> Tensor:
    """(C,) float64: the sum over the path of gradient times change, at each channel of ``layer``."""
    baseline = score_function.baseline
    total = torch.zeros(layer.channels, dtype=torch.float64)
    for start in range(0, steps, score_function.chunk):
        places = (
            torch.arange(start, min(start + score_function.chunk, steps) + 1, device=baseline.device) / steps
        )
        images = baseline + places[:, None, None, None] * (score_function.image - baseline)
        activation, gradient = layer_gradients(score_function, images, layer)
        pieces = (activation.diff(dim=0) * (gradient[1:] + gradient[:-1]) / 2).double()
        axes = [axis for axis in range(pieces.dim()) if axis != _channel_axis(pieces)]
        total += (pieces.sum(dim=axes) if axes else pieces).cpu()
    return total


def _channel_axis(values: Tensor) -> int:
    return 2 if values.dim() == 3 else 1


def _gap(scores: Tensor, wanted: float) -> float:
    return abs(float(scores.sum()) - wanted) / max(abs(wanted), 1e-9)


def _missing(error: float, layer: Layer, steps: int, *, settled: bool) -> str:
    misses = f"the sum misses the score's rise by {error:.1%}"
    if settled:
        return f"{misses}: part of it does not pass {layer.name!r}"
    return f"{misses} at {steps} steps: they are too few, or part of it does not pass {layer.name!r}"
