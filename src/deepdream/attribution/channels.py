"""Which channels of a layer carried a prediction: conductance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepdream.attribution.hooks import layer_gradients
from deepdream.attribution.question import Question
from deepdream.attribution.score_function import ScoreFunction
from deepdream.attribution.score_layers import find_layer
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
        largest = self.scores.abs().topk(min(count, len(self.scores))).indices.tolist()
        return [(channel, float(self.scores[channel])) for channel in largest]

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Ready for JSON, with the ``top`` channels (default: all)."""
        names = (
            "layer",
            "target",
            "label",
            "against",
            "score",
            "baseline_score",
            "completeness_error",
            "steps",
        )
        rise = self.score - self.baseline_score
        return {name: getattr(self, name) for name in (*names, "forwards", "backwards")} | {
            "notes": list(self.notes),
            "channels": [
                {"channel": channel, "score": score, "share": score / rise if rise else None}
                for channel, score in self.top(len(self.scores) if top is None else top)
            ],
            "sum": float(self.scores.sum()),
        }


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
    baseline_score = score_function.score_of(score_function.baseline)
    rise = score_function.image_score - baseline_score
    if steps is not None:
        scores, used, settled = conductance(score_function, where, steps), steps, False
    else:
        scores, used, settled = _converged(score_function, where, rise)
    error = _gap(scores, rise)
    note = f"the sum misses the score's rise by {error:.1%}"
    if settled:
        note += f": part of it does not pass {where.name!r}"
    else:
        note += f" at {used} steps: they are too few, or part of it does not pass {where.name!r}"
    return ChannelScores(
        layer=where.name,
        target=score_function.target,
        label=score_function.model.label(score_function.target),
        against=score_function.against,
        scores=scores.float().cpu(),
        score=score_function.image_score,
        baseline_score=baseline_score,
        completeness_error=error,
        steps=used,
        forwards=score_function.cost.forwards,
        backwards=score_function.cost.backwards,
        notes=() if error < TOLERANCE else (note,),
    )


def _converged(score_function: ScoreFunction, layer: Layer, rise: float) -> tuple[Tensor, int, bool]:
    """The scores, their steps, and whether doubling these changes nothing any more."""
    steps, scores = FIRST_STEPS, conductance(score_function, layer, FIRST_STEPS)
    while 2 * steps <= MOST_STEPS:
        steps, before, scores = 2 * steps, scores, conductance(score_function, layer, 2 * steps)
        good = max(_gap(before, rise), _gap(scores, rise)) < TOLERANCE
        # A layer that part of the score bypasses never sums; it has converged when doubling changes nothing.
        settled = float((scores - before).abs().sum()) < TOLERANCE * abs(rise)
        if good or settled:
            return scores, steps, settled
    return scores, steps, False


def conductance(score_function: ScoreFunction, layer: Layer, steps: int) -> Tensor:
    """(C,) float64: the sum over the path of gradient times change, at each channel of ``layer``."""
    baseline = score_function.baseline
    total = torch.zeros(layer.channels, dtype=torch.float64)
    for start in range(0, steps, score_function.chunk):
        # The last point of a chunk is the first of the next, for each piece needs both of its ends.
        stop = min(start + score_function.chunk, steps)
        shares = torch.arange(start, stop + 1, device=baseline.device) / steps
        images = baseline + shares[:, None, None, None] * (score_function.image - baseline)
        activation, gradient = layer_gradients(score_function, images, layer)
        pieces = (activation.diff(dim=0) * (gradient[1:] + gradient[:-1]) / 2).double()
        channel_axis = 2 if pieces.dim() == 3 else 1  # tokens are (B, N, C), all else (B, C, ...)
        axes = [axis for axis in range(pieces.dim()) if axis != channel_axis]
        total += pieces.sum(dim=axes).cpu()
    return total


def _gap(scores: Tensor, rise: float) -> float:
    return abs(float(scores.sum()) - rise) / max(abs(rise), 1e-9)
