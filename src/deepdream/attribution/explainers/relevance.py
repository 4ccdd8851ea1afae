"""Layer-wise relevance propagation: the score redistributed from layer to layer down to the pixels.

Every rule is written as a forward pass whose gradient times input is the rule (Montavon et al. 2019,
DOI 10.1007/978-3-030-28954-6_10, section 10.3.2): ``z_rule * (z / z_rule).detach()`` has the backward pass of
the rule. It has the value of the layer too, but where a rule's sum is zero and a bias is not: the value itself
is put in its place, or what runs next would be another network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from captum.attr._utils.custom_modules import Addition_Module
from torch import Tensor, fx, nn

from deepdream.attribution.additivity import not_additive
from deepdream.attribution.canonizer import RECTIFIERS, Product, canonized, example_of, untraceable
from deepdream.attribution.method_options import Meaning
from deepdream.attribution.registry import Outcome, register
from deepdream.attribution.score_function import ScoreFunction
from deepdream.models import Model

Rule = Literal["composite", "epsilon"]
RuleOption = Annotated[
    Rule, Meaning("composite: a rule for each kind of layer; epsilon: that rule in every layer.")
]
EPSILON = 1e-8
# Operations on one number at a time, and norms: they hand their relevance down unchanged.
_POINTWISE = (*RECTIFIERS, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.BatchNorm2d, nn.LayerNorm)
# A max-pool's own gradient is its rule: the winner takes all.
_KNOWN = (*_POINTWISE, nn.MaxPool2d, Product, Addition_Module)
_FUNCTIONS = {F.layer_norm}


def _lacks_rules(model: Model) -> str | None:
    reason = untraceable(model)
    if reason is not None:
        return reason
    if model not in _UNKNOWN:
        names = not_additive(canonized(model), example_of(model), _KNOWN)
        # As a function it has no module, but a rule all the same.
        _UNKNOWN[model] = [name for name in names if name != "layer_norm"]
    return f"no rule for {', '.join(_UNKNOWN[model])}." if _UNKNOWN[model] else None


_UNKNOWN: WeakKeyDictionary[Model, list[str]] = WeakKeyDictionary()


@register(
    "lrp",
    question="How is the score shared among the pixels, if it is redistributed layer by layer?",
    paper="Bach et al. 2015, DOI 10.1371/journal.pone.0130140; Montavon et al. 2019, LRP: An Overview",
    caveat="Other rules give other maps; that of the composite hardly depends on the class.",
    family="propagation",
    cost="1 forward, 1 backward",
    unit="logits per pixel",
    needs="a graph that can be traced, every nonlinear operation with a rule",
    applies=_lacks_rules,
)
def lrp(score_function: ScoreFunction, *, rule: RuleOption = "composite") -> Outcome:
    """``composite``: epsilon in dense layers, z+ in convolutions, z-box at the pixels. ``epsilon``: everywhere.

    In the composite additions share by size, and a unit below zero is shared by what made it so (Andeol et al.
    2021, arXiv:2106.04923). Biases take their part, as in Bach et al.: without it a unit that nothing but its bias made
    active would hand all its relevance to inputs of 1e-5, and the map would change with the last bit of the weights.
    """
    graph = canonized(score_function.model)
    if rule == "composite":
        values = composite_relevance(score_function, graph)
    else:
        pixels = score_function.model.normalize(score_function.image).detach()
        (values,) = _relevance(score_function, _Epsilon(graph).run, (pixels,))
    score = score_function.image_score
    if score == 0:
        return Outcome(values, notes=("the score is exactly zero, so there is nothing to share out",))
    lost = 1 - float(values.double().sum()) / score
    notes = (f"biases took {lost:.1%} of the score: compare places, not sizes",) if abs(lost) > 0.01 else ()
    return Outcome(values, notes=notes)


@dataclass(frozen=True)
class _Boxed:
    """Normalized pixels with the lowest and highest values they could have."""

    x: Tensor
    low: Tensor
    high: Tensor


def composite_relevance(score_function: ScoreFunction, graph: fx.GraphModule) -> Tensor:
    """(3, H, W) by the rules of ``composite``, in a canonized ``graph``."""
    image = score_function.image
    x, low, high = (
        score_function.model.normalize(v) for v in (image, torch.zeros_like(image), torch.ones_like(image))
    )

    def run(*leaves: Tensor) -> Any:
        result = _Composite(graph).run(_Boxed(*leaves))
        # A network without any weights keeps its own gradient.
        return result.x if isinstance(result, _Boxed) else result

    return torch.stack(_relevance(score_function, run, (x, low, high))).sum(dim=0)


def _relevance(
    score_function: ScoreFunction, run: Callable[..., Any], values: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Input times gradient, (3, H, W), of each leaf."""
    with torch.enable_grad():
        leaves = [value.detach().clone().requires_grad_() for value in values]
        score_function.cost.forwards += 1
        score = score_function.count_backward(score_function.of_logits(run(*leaves)))
        gradients = torch.autograd.grad(score.sum(), leaves, materialize_grads=True)
    return tuple((leaf * gradient)[0].detach() for leaf, gradient in zip(leaves, gradients, strict=True))


class _Epsilon(fx.Interpreter):
    """The epsilon rule in every layer: activations hand down in proportion, the rest as it is."""

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        part = self.fetch_attr(target)
        if isinstance(part, (*RECTIFIERS, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh)):
            return _as_share(part(args[0]), args[0])
        return super().call_module(target, args, kwargs)


class _Composite(fx.Interpreter):
    """Rules by kind of operation; what has none is linear and keeps its own gradient."""

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        part = self.fetch_attr(target)
        if isinstance(args[0], _Boxed):
            return _boxed(part, args[0])
        if isinstance(part, nn.Conv2d):
            return _shared_by_sign(part(args[0]), _positive_part(part, args[0]))
        if isinstance(part, nn.BatchNorm2d):
            return _normed(part, args[0])
        if isinstance(part, _POINTWISE):
            return _as_share(part(args[0]), args[0])
        if isinstance(part, Product):
            return _gated(*args)
        if isinstance(part, Addition_Module):
            a, b = args
            # By size, not by sign: two terms that nearly cancel would be handed huge relevances of both signs.
            return _as_share(a + b, a * a.sign().detach() + b * b.sign().detach())
        return super().call_module(target, args, kwargs)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and isinstance(args[0], _Boxed):
            return _each(args[0], lambda v: target(v, *args[1:], **kwargs))
        if target in _FUNCTIONS:
            return _as_share(target(*args, **kwargs), args[0])
        return super().call_function(target, args, kwargs)

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(args[0], _Boxed):
            return _each(args[0], lambda v: getattr(v, target)(*args[1:], **kwargs))
        return super().call_method(target, args, kwargs)


def _each(boxed: _Boxed, change: Callable[[Tensor], Any]) -> Any:
    result = change(boxed.x)
    if not isinstance(result, Tensor):  # a size
        return result
    return _Boxed(result, change(boxed.low), change(boxed.high))


def _boxed(part: nn.Module, pixels: _Boxed) -> Any:
    """z-box at the first layer with weights; what stands before it (a padding, a flattening) takes the bounds along."""
    if not isinstance(part, (nn.Conv2d, nn.Linear)):
        return _each(pixels, part)
    # Pixels have both signs once they are normalized: z+ would miss what a dark pixel contributes.
    low = _with_weight(part, pixels.low, part.weight.clamp(min=0))
    high = _with_weight(part, pixels.high, part.weight.clamp(max=0))
    return _as_share(part(pixels.x), _with_weight(part, pixels.x, part.weight) - low - high)


def _positive_part(part: nn.Conv2d, x: Tensor) -> Tensor:
    """z+ for inputs of both signs: the sum of all positive contributions, a positive bias among them."""
    above = _with_weight(part, x.clamp(min=0), part.weight.clamp(min=0))
    above = above + _with_weight(part, x.clamp(max=0), part.weight.clamp(max=0))
    return above if part.bias is None else above + part.bias.clamp(min=0)[:, None, None]


def _normed(part: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """A batch norm by the same rule: a convolution of one pixel and one channel."""
    value = part(x)
    # What the norm gives for zero is its bias.
    shift = part(torch.zeros_like(x[:, :, :1, :1]))
    return _shared_by_sign(value, (value - shift).clamp(min=0) + shift.clamp(min=0))


def _shared_by_sign(value: Tensor, above: Tensor) -> Tensor:
    """A sum above zero is shared by its positive contributions, ``above``; one below zero by the negative ones."""
    return _as_share(value, torch.where(value >= 0, above, value - above))


def _with_weight(part: nn.Conv2d | nn.Linear, x: Tensor, weight: Tensor) -> Tensor:
    """The layer with another weight and no bias (a subclass may pad by itself: its own forward is kept)."""
    replaced: Tensor = torch.func.functional_call(part, {"weight": weight}, (x,))
    if part.bias is None:
        return replaced
    return replaced - (part.bias if isinstance(part, nn.Linear) else part.bias[:, None, None])


def _as_share(value: Tensor, share: Tensor) -> Tensor:
    """The value of ``value`` with the backward pass of ``share`` (the epsilon rule's stabilizer included)."""
    size = EPSILON * share.detach().abs().amax() + 1e-30  # relative: scores may be of any size
    stable = share + size * torch.where(share >= 0, 1.0, -1.0)
    shared = share * (value / stable).detach()
    return shared + (value - shared).detach()


def _gated(a: Tensor, b: Tensor) -> Tensor:
    """The signal takes all (Arras et al. 2017, arXiv:1706.07206); the smaller tensor is the gate."""
    return a * b.detach() if a.numel() >= b.numel() else a.detach() * b
