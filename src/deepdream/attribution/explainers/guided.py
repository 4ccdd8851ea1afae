"""The gradient with another backward pass through rectifiers: guided backpropagation and deconvolution."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
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
        #: Nodes of the graph of gradients that follow the method's rule, and names of what none of them sees.
        self.changed, self.unseen = set[Any](), set[str]()

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        part = self.fetch_attr(target)
        if not isinstance(part, RECTIFIERS):
            return super().call_module(target, args, kwargs)
        return self._rectified(part, args[0])

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if cuts_at_zero(target, args, kwargs):
            return self._rectified(lambda x: target(x, *args[1:], **kwargs), args[0])
        if target in _COMPARISONS:
            self.unseen.add("a mask by comparison")
        return super().call_function(target, args, kwargs)

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function = getattr(torch.Tensor, target, None)
        if cuts_at_zero(function, args, kwargs):
            return self._rectified(lambda x: getattr(x, target)(*args[1:], **kwargs), args[0])
        if target in ("gt", "lt", "ge", "le"):
            self.unseen.add("a mask by comparison")
        return super().call_method(target, args, kwargs)

    def _rectified(self, rectifier: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        if self.local:
            # On the way back the rectifier's own slope comes first, then the cut: both conditions hold.
            start = _positive_backward(x)
            result = rectifier(start)
            waiting = [result.grad_fn]
            while waiting:
                node = waiting.pop()
                if node is not None and node not in self.changed and not _is_start(node):
                    self.changed.add(node)
                    waiting += [function for function, _ in node.next_functions]
            return result
        # The rectifier's value with the backward pass of a rectifier on the gradient alone.
        return _positive_backward(x) + (rectifier(x) - x).detach()


#: Functions that are a rectifier where their lower bound is zero, with the place and the name of that bound.
_CLAMPS = {
    torch.clamp: (1, "min"), torch.clip: (1, "min"), torch.clamp_min: (1, "min"),
    torch.Tensor.clamp: (1, "min"), torch.Tensor.clip: (1, "min"), torch.Tensor.clamp_min: (1, "min"),
    F.hardtanh: (1, "min_val"), F.threshold: (2, "value"),
}  # fmt: skip
_MAXIMA = (torch.maximum, torch.max, torch.Tensor.maximum, torch.Tensor.max)


def _is_start(node: Any) -> bool:
    """Whether a node of the graph of gradients is the cut before a rectifier."""
    return type(node).__name__.startswith("_PositiveBackward")


def cuts_at_zero(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call is a ReLU by another name: a clamp, threshold or maximum whose lower bound is zero."""
    if function in _CLAMPS:
        place, name = _CLAMPS[function]
        bound = args[place] if len(args) > place else kwargs.get(name)
    elif function in _MAXIMA and len(args) == 2 and isinstance(args[1], Tensor):
        bound = args[1]
    else:
        return False
    if isinstance(bound, Tensor):
        return not bound.requires_grad and not bool(bound.any())
    return isinstance(bound, (int, float)) and bound == 0


#: Beginnings of the names of backward passes that are linear, only move values, or pool.
_KNOWN = (
    "Convolution", "MkldnnConvolution", "CudnnConvolution", "Addmm", "Mm", "Bmm", "Baddbmm", "View", "Unsafe",
    "Reshape", "Permute", "Transpose", "Add", "Sub", "Rsub", "Neg", "Mul", "Div", "Mean", "Sum", "AvgPool", "MaxPool",
    "Adaptive", "MkldnnAdaptive", "Upsample", "Cat", "Stack", "Slice", "Select", "Index", "Gather", "NativeBatchNorm",
    "CudnnBatchNorm", "NativeLayerNorm", "NativeGroupNorm", "Expand", "Squeeze", "Unsqueeze", "Clone", "ToCopy", "Copy",
    "AsStrided", "ConstantPad", "Reflection", "Replication", "PixelShuffle", "PixelUnshuffle", "Flip", "Roll", "Split",
    "Chunk", "Unbind", "Repeat", "Accumulate", "Alias", "_PositiveBackward", "_Normalization", "Warn", "Movedim",
)  # fmt: skip


#: A mask made by one of these takes part in no gradient, so ``x * (x > 0)`` is a rectifier that no rule sees.
_COMPARISONS = (operator.gt, operator.lt, operator.ge, operator.le, torch.gt, torch.lt, torch.ge, torch.le)


def other_operations(score: Tensor, changed: set[Any]) -> list[str]:
    """The nonlinear operations on the way to ``score``, by name, whose backward pass is not one of ``changed``."""
    names, waiting, known = set[str](), [score.grad_fn], set[Any]()
    while waiting:
        node = waiting.pop()
        if node is None or node in known:
            continue
        known.add(node)
        name = re.sub(r"Backward\d*$", "", type(node).__name__)
        if node not in changed and name != "T" and not name.startswith(_KNOWN):
            names.add(name)
        waiting += [function for function, _ in node.next_functions]
    return sorted(names)


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


def _may_clamp(node: fx.Node) -> bool:
    """Whether a node of the graph is a clamp or a maximum; its bound is known only when it runs."""
    function = getattr(torch.Tensor, str(node.target), None) if node.op == "call_method" else node.target
    return node.op in ("call_function", "call_method") and function in (*_CLAMPS, *_MAXIMA)


def _lacks_rectifiers(model: Model) -> str | None:
    reason = untraceable(model)
    if reason is None:
        graph = canonized(model)
        clamps = any(_may_clamp(node) for node in graph.graph.nodes)
        if not clamps and not any(isinstance(part, RECTIFIERS) for _, part in parts(graph)):
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
    interpreter, others = _Guided(graph, local=local), list[str]()
    gradient = graph_gradient(
        score_function, interpreter, lambda score: others.extend(other_operations(score, interpreter.changed))
    )
    others += sorted(interpreter.unseen)
    # SiLU, GELU and their kin have no kink: what "positive" means for them is a convention, and is noted.
    smooth = {type(part).__name__ for _, part in parts(graph) if isinstance(part, RECTIFIERS)}
    smooth -= {kind.__name__ for kind in _SHARP}
    notes = []
    if smooth:
        notes.append(f"defined for ReLU; here {', '.join(sorted(smooth))} pass only positive gradients too")
    if others:
        notes.append(f"no rectifiers, so their gradient is the plain one: {', '.join(others)}")
    return Outcome(gradient, notes=tuple(notes))


def graph_gradient(
    score_function: ScoreFunction,
    interpreter: fx.Interpreter,
    look: Callable[[Tensor], object] = lambda _: None,
) -> Tensor:
    """The gradient (3, H, W) of the score as ``interpreter`` sends it back; ``look`` gets the score with its graph."""
    with torch.enable_grad():
        image = score_function.image.detach().requires_grad_()
        logits = interpreter.run(score_function.model.normalize(image))
        score_function.cost.forwards += 1
        score = score_function.count_backward(score_function.of_logits(logits))
        look(score)
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
