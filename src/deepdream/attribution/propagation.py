"""The score sent back through the network by rules of its own: guided backpropagation and DeepLIFT."""

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

from deepdream.attribution.cams import grad_cam, lacks_spatial_end
from deepdream.attribution.canonizer import canonized, example_of, not_additive, parts, untraceable
from deepdream.attribution.decomposition import (
    InverseRoot,
    LayerNormByParts,
    MaxPoolByPairs,
    ProductBySquares,
    Square,
    decomposed,
)
from deepdream.attribution.method_options import Samples
from deepdream.attribution.paths import BaselineNoise, noisy_baselines
from deepdream.attribution.registry import Budgeted, Outcome, register
from deepdream.attribution.score_function import ScoreFunction, enlarge
from deepdream.models import Model

#: Rectifiers, and the smooth functions that took their place.
RECTIFIERS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.Hardswish, nn.SiLU, nn.GELU, nn.Mish, nn.Softplus,
)  # fmt: skip
_SHARP = (nn.ReLU, nn.ReLU6)
_BY_ONE_NUMBER = (*RECTIFIERS, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Hardtanh, Square, InverseRoot)
_KNOWN = (*_BY_ONE_NUMBER, ProductBySquares, MaxPoolByPairs, LayerNormByParts)
_GUIDED: dict[str, Any] = {
    "family": "propagation",
    "cost": "1 forward, 1 backward",
    "needs": "a graph that can be traced, with ReLU or its kin",
    "signed": False,
    "reduction": "max-abs",
}


class _Guided(fx.Interpreter):
    """Runs the graph; on the way back a rectifier passes only positive gradients.

    ``local``: and only where the rectifier itself has a slope (guided backpropagation), else everywhere
    (deconvolution).
    """

    def __init__(self, module: fx.GraphModule, *, local: bool) -> None:
        super().__init__(module)
        self.local = local

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        part = self.fetch_attr(target)
        if not isinstance(part, RECTIFIERS):
            return super().call_module(target, args, kwargs)
        if self.local:
            return part(_positive_backward(args[0]))
        (x,) = args
        return _positive_backward(x) + (part(x) - x).detach()


class _PositiveBackward(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(_: Any, *gradients: Any) -> Tensor:
        found: Tensor = gradients[0].clamp(min=0)
        return found


def _positive_backward(x: Tensor) -> Tensor:
    found: Tensor = _PositiveBackward.apply(x)
    return found


def _lacks_rectifiers(model: Model) -> str | None:
    reason = untraceable(model)
    if reason is None and not any(isinstance(part, RECTIFIERS) for _, part in parts(canonized(model))):
        return "it has no ReLU or other rectifier."
    return reason


@register(
    "guided-backprop",
    question="Which pixels would excite the parts of the network that support the class?",
    paper="Springenberg et al. 2014, Striving for Simplicity, arXiv:1412.6806",
    caveat="Close to an edge detector: hardly depends on the class or even on the training (Adebayo 2018).",
    applies=_lacks_rectifiers,
    **_GUIDED,
)
def guided_backprop(score_function: ScoreFunction) -> Outcome:
    """The gradient, but negative gradients are stopped at every rectifier, of every kind."""
    return _rectified_gradient(score_function, local=True)


@register(
    "deconvolution",
    question="Which pattern in the picture would bring the class's evidence about?",
    paper="Zeiler, Fergus 2013, Visualizing and Understanding Convolutional Networks, arXiv:1311.2901",
    caveat="Ignores which units were active, so it says little about this picture.",
    applies=_lacks_rectifiers,
    **_GUIDED,
)
def deconvolution(score_function: ScoreFunction) -> Outcome:
    """The gradient with every rectifier's own backward pass replaced by a rectifier."""
    return _rectified_gradient(score_function, local=False)


def _rectified_gradient(score_function: ScoreFunction, *, local: bool) -> Outcome:
    graph = canonized(score_function.model)
    gradient = graph_gradient(score_function, _Guided(graph, local=local))
    smooth = {type(part).__name__ for _, part in parts(graph) if isinstance(part, RECTIFIERS)}
    smooth -= {kind.__name__ for kind in _SHARP}
    notes = (f"defined for ReLU; here {', '.join(sorted(smooth))} pass only positive gradients too",)
    return Outcome(gradient, notes=notes if smooth else ())


def graph_gradient(score_function: ScoreFunction, interpreter: fx.Interpreter) -> Tensor:
    """The gradient (3, H, W) of the score as ``interpreter`` sends it back."""
    with torch.enable_grad():
        image = score_function.image.detach().requires_grad_()
        logits = interpreter.run(score_function.model.normalize(image))
        score_function.cost.forwards += 1
        score = score_function.count_backward(score_function.of_logits(logits))
        (gradient,) = torch.autograd.grad(score.sum(), image)
    return gradient[0]


@register(
    "guided-grad-cam",
    question="Which fine structures lie where the last layer supports the class?",
    paper="Selvaraju et al. 2017, Grad-CAM, arXiv:1610.02391",
    caveat="The detail is guided backpropagation's: it looks sharper than what is known.",
    applies=lambda model: lacks_spatial_end(model) or _lacks_rectifiers(model),
    **_GUIDED | {"cost": "2 forwards, 2 backwards"},
)
def guided_grad_cam(score_function: ScoreFunction) -> Outcome:
    """Guided backpropagation times Grad-CAM."""
    guided = _rectified_gradient(score_function, local=True)
    return Outcome(guided.values * enlarge(grad_cam(score_function), score_function.size), notes=guided.notes)


def _lacks_rules(model: Model) -> str | None:
    reason = untraceable(model)
    if reason is not None:
        return reason
    unknown = _without_rule(model)
    return f"no rule for {', '.join(unknown)}." if unknown else None


def _without_rule(model: Model) -> list[str]:
    if model not in _UNKNOWN:
        _UNKNOWN[model] = not_additive(_parts_of(model), example_of(model), _KNOWN)
    return _UNKNOWN[model]


_UNKNOWN: WeakKeyDictionary[Model, list[str]] = WeakKeyDictionary()
_DECOMPOSED: WeakKeyDictionary[Model, fx.GraphModule] = WeakKeyDictionary()


def _parts_of(model: Model) -> fx.GraphModule:
    if model not in _DECOMPOSED:
        _DECOMPOSED[model] = decomposed(canonized(model))
    return _DECOMPOSED[model]


_LIFTED: dict[str, Any] = {
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
    **_LIFTED,
)
def deep_lift(score_function: ScoreFunction) -> Tensor:
    """Captum's DeepLIFT (rescale rule) on a copy in which the rule is exact for every operation."""
    return _lift(score_function, score_function.baseline)


@register(
    "deep-lift-shap",
    question="The same, averaged over several versions of nothing?",
    paper="Lundberg, Lee 2017, A Unified Approach to Interpreting Model Predictions, arXiv:1705.07874",
    caveat="An average over baselines hides where they disagree.",
    cost="2 x samples forwards, samples backwards",
    budgeted=Budgeted("samples", "backward", units=8, least=2),
    **_LIFTED,
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


class _Scored(nn.Module):
    """From RGB in [0, 1] to the score; DeepLift wants a module."""

    def __init__(self, score_function: ScoreFunction) -> None:
        super().__init__()
        self.network = _parts_of(score_function.model)
        self.score_function = score_function

    def forward(self, images: Tensor) -> Tensor:
        self.score_function.cost.forwards += len(images)
        return self.score_function.of_logits(self.network(self.score_function.model.normalize(images)))


def _lift(score_function: ScoreFunction, baseline: Tensor) -> Tensor:
    image = score_function.image.clone().requires_grad_()
    with _more_rules(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting forward, backward hooks")
        found: Tensor = DeepLift(_Scored(score_function)).attribute(image, baselines=baseline)
    score_function.cost.backwards += 1
    return found[0].detach()


@contextmanager
def _more_rules() -> Iterator[None]:
    """While it lasts captum's rescale rule covers every function of one number.

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


_TABLE = threading.RLock()
