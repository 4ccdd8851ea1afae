"""The gradient with another backward pass through rectifiers: guided backpropagation and deconvolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from deepdream.attribution.canonizer import RECTIFIERS, canonized, parts, untraceable
from deepdream.attribution.explainers.cams import grad_cam, lacks_spatial_end
from deepdream.attribution.registry import Outcome, register
from deepdream.attribution.score_function import ScoreFunction, enlarge
from deepdream.models import Model

#: Rectifiers with a kink, for which both methods are defined.
_SHARP = (nn.ReLU, nn.ReLU6)
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
            # On the way back the rectifier's own slope comes first, then the cut: both conditions hold.
            return part(_positive_backward(args[0]))
        (x,) = args
        # The rectifier's value with the backward pass of a rectifier on the gradient alone.
        return _positive_backward(x) + (part(x) - x).detach()


class _PositiveBackward(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(_: Any, *gradients: Any) -> Tensor:
        gradient: Tensor = gradients[0]
        return gradient.clamp(min=0)


def _positive_backward(x: Tensor) -> Tensor:
    same: Tensor = _PositiveBackward.apply(x)
    return same


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
    # SiLU, GELU and their kin have no kink: what "positive" means for them is a convention, and is noted.
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
    caveat="The detail is guided backpropagation's: it looks sharper than the evidence is.",
    applies=lambda model: lacks_spatial_end(model) or _lacks_rectifiers(model),
    **_GUIDED | {"cost": "2 forwards, 2 backwards"},
)
def guided_grad_cam(score_function: ScoreFunction) -> Outcome:
    """Guided backpropagation times Grad-CAM."""
    guided = _rectified_gradient(score_function, local=True)
    return Outcome(guided.values * enlarge(grad_cam(score_function), score_function.size), notes=guided.notes)
