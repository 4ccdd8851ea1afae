"""DeepLIFT: the difference from a baseline handed back through every operation."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import torch
from captum.attr import DeepLift
from captum.attr._core import deep_lift as captum_deep_lift
from torch import Tensor, fx, nn

from deepdream.attribution.additivity import not_additive
from deepdream.attribution.canonizer import RECTIFIERS, canonized, example_of, untraceable
from deepdream.attribution.decomposition import (
    InverseRoot,
    LayerNormByParts,
    MaxPoolByPairs,
    ProductBySquares,
    Square,
    decomposed,
)
from deepdream.attribution.explainers.paths import BaselineNoise, noisy_baselines
from deepdream.attribution.method_options import Samples
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction
from deepdream.models import Model

_BY_ONE_NUMBER = (*RECTIFIERS, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Hardtanh, Square, InverseRoot)
_KNOWN = (*_BY_ONE_NUMBER, ProductBySquares, MaxPoolByPairs, LayerNormByParts)
# Kept by network: tracing and judging one takes longer than an explanation.
_GRAPHS: WeakKeyDictionary[Model, fx.GraphModule] = WeakKeyDictionary()
_UNKNOWN: WeakKeyDictionary[Model, list[str]] = WeakKeyDictionary()
# The table of captum's rules is one for the whole process.
_TABLE = threading.RLock()


def _graph_of(model: Model) -> fx.GraphModule:
    if model not in _GRAPHS:
        _GRAPHS[model] = decomposed(canonized(model))
    return _GRAPHS[model]


def _lacks_rules(model: Model) -> str | None:
    reason = untraceable(model)
    if reason is not None:
        return reason
    if model not in _UNKNOWN:
        _UNKNOWN[model] = not_additive(_graph_of(model), example_of(model), _KNOWN)
    return f"no rule for {', '.join(_UNKNOWN[model])}." if _UNKNOWN[model] else None


_SHARED: dict[str, Any] = {
    "family": "propagation",
    "needs": "a graph that can be traced, every nonlinear operation with a rule",
    "complete": True,
    "applies": _lacks_rules,
}


@register(
    "deep-lift",
    question="How much did each pixel's difference from the baseline contribute?",
    paper="Shrikumar, Greenside, Kundaje 2017, DeepLIFT, arXiv:1704.02685",
    caveat="Relative to the baseline. How max-pools and products are shared out is a convention.",
    cost="2 forwards, 1 backward",
    **_SHARED,
)
def deep_lift(score_function: ScoreFunction) -> Tensor:
    """Captum's DeepLIFT (rescale rule) on a copy in which the rule is exact for every operation."""
    return _lift(score_function, score_function.baseline)


@register(
    "deep-lift-shap",
    question="How much did each pixel's difference contribute, averaged over several noisy baselines?",
    paper="Lundberg, Lee 2017, A Unified Approach to Interpreting Model Predictions, arXiv:1705.07874",
    caveat="An average over baselines hides where they disagree.",
    cost="2 x samples forwards, samples backwards",
    budgeted=Budgeted("samples", "backward", units=8, least=2),
    **_SHARED,
)
def deep_lift_shap(
    score_function: ScoreFunction, *, samples: Samples = 8, noise: BaselineNoise = 0.1
) -> Outcome:
    """The mean of DeepLIFT over ``samples`` noisy copies of the baseline."""
    values, scores = torch.zeros_like(score_function.image[0]), 0.0
    for baseline in islice(noisy_baselines(score_function, noise, score_function.generator()), samples):
        values += _lift(score_function, baseline) / samples
        scores += score_function.score_of(baseline) / samples
    return Outcome(values, baseline_score=scores)


class _ScoreModule(nn.Module):
    """From RGB in [0, 1] to the score; captum's DeepLift hooks a module, not a function."""

    def __init__(self, score_function: ScoreFunction) -> None:
        super().__init__()
        self.network = _graph_of(score_function.model)
        self.score_function = score_function

    def forward(self, images: Tensor) -> Tensor:
        self.score_function.cost.forwards += len(images)
        return self.score_function.of_logits(self.network(self.score_function.model.normalize(images)))


def _lift(score_function: ScoreFunction, baseline: Tensor) -> Tensor:
    """DeepLIFT (3, H, W) against one baseline (1, 3, H, W)."""
    image = score_function.image.clone().requires_grad_()
    with _more_rules(), warnings.catch_warnings():
        # They are on a copy, and captum removes them.
        warnings.filterwarnings("ignore", "Setting forward, backward hooks")
        values: Tensor = DeepLift(_ScoreModule(score_function)).attribute(image, baselines=baseline)
    # The module's scores are without the hook that counts gradients; captum pulls one.
    score_function.cost.backwards += 1
    return values[0].detach()


@contextmanager
def _more_rules() -> Iterator[None]:
    """While it lasts, captum's rescale rule covers every function of one number.

    A private table of captum's (0.8 and 0.9 have it): its entries are put back.
    """
    table: dict[Any, Any] = captum_deep_lift.SUPPORTED_NON_LINEAR
    with _TABLE:
        before = dict(table)
        table.update(dict.fromkeys(_BY_ONE_NUMBER, captum_deep_lift.nonlinear))
        try:
            yield
        finally:
            table.clear()
            table.update(before)
