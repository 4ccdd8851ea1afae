"""Attention rollout: how the tokens of a vision transformer are mixed on the way to its last layer."""

from __future__ import annotations

import math
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from deepdream.attribution.network_copies import open_network
from deepdream.attribution.registry import register
from deepdream.attribution.score_function import ScoreFunction
from deepdream.errors import UsageError
from deepdream.models import Model
from deepdream.models.layer_axes import LayerAxes
from deepdream.tensors import generator

#: What makes weights of attention out of scores.
_SOFTMAX = (torch.softmax, F.softmax, Tensor.softmax)


class AttentionRecorder(TorchFunctionMode):
    """Keeps the weights (B, heads, N, N) of every self-attention while it is active, and changes no result.

    Fused attention does not give its weights, so they are computed beside it from its queries and keys.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            kwargs |= {"need_weights": True, "average_attn_weights": False}
            output, weights = func(*args, **kwargs)
            self._note(weights)
            return output, None
        if func is F.scaled_dot_product_attention:
            query, key = args[0], args[1]
            scale = kwargs.get("scale") or 1 / math.sqrt(query.shape[-1])
            scores = query @ key.transpose(-2, -1) * scale
            if kwargs.get("attn_mask") is None and len(args) <= 3:  # with a mask the weights would be others
                self._note(scores.softmax(dim=-1))
        result = func(*args, **kwargs)
        if func in _SOFTMAX and isinstance(result, Tensor):
            self._note(result)
        return result

    def _note(self, weights: Tensor | None) -> None:
        if weights is not None and weights.dim() == 4 and weights.shape[-1] > 1:
            self.weights.append(weights.detach())


def attention_weights(model: Model, image: Tensor) -> list[Tensor]:
    """The weights (B, heads, N, N) of every self-attention for pictures (B, 3, H, W) in [0, 1], in order."""
    recorder, network = AttentionRecorder(), open_network(model)
    # With gradients on, torch does not take its fast path, which gives no weights.
    with torch.enable_grad(), recorder:
        network(model.normalize(image).requires_grad_())
    return recorder.weights


def token_axes(model: Model) -> LayerAxes | None:
    """How the tokens of the last layer of tokens stand on the grid of the picture."""
    tokens = [layer for layer in model.layers.values() if layer.axes is not None and layer.axes.tokens == 1]
    return max(tokens, key=lambda layer: layer.depth).axes if tokens else None


def lacks_global_attention(model: Model) -> str | None:
    """Why rollout makes no sense: no self-attention between all tokens of the picture. Remembered."""
    if model not in _REFUSALS:
        _REFUSALS[model] = _refusal(model)
    return _REFUSALS[model]


def _refusal(model: Model) -> str | None:
    axes, size = token_axes(model), model.preprocessing.size
    if axes is None:
        return "it has no self-attention between tokens of a grid"
    weights = attention_weights(model, torch.rand(1, model.channels, *size, generator=generator(0)))
    if not weights:
        return "it has no self-attention"
    if {side for matrix in weights for side in matrix.shape[-2:]} == {weights[0].shape[-1]}:
        try:
            # Attention between channels (XCiT) has another number of rows than there are tokens.
            axes.grid(weights[0].shape[-1], size)
        except UsageError:
            pass
        else:
            if all(len(matrix) == 1 for matrix in weights):
                return None
    return "its attention is between windows, levels or channels, not between all tokens of the picture"


_REFUSALS: WeakKeyDictionary[Model, str | None] = WeakKeyDictionary()


def rollout(weights: list[Tensor]) -> Tensor:
    """(N, N): the product of (A + I) / 2 over the layers, A the mean of the heads (equation 1 of the paper)."""
    count = weights[0].shape[-1]
    result = torch.eye(count, dtype=torch.float64)
    for matrix in weights:
        mixed = (matrix[0].mean(dim=0).double().cpu() + torch.eye(count, dtype=torch.float64)) / 2
        result = mixed / mixed.sum(dim=-1, keepdim=True) @ result
    return result


@register(
    "attention-rollout",
    family="attention",
    question="From which places does the attention of a vision transformer collect what it decides by?",
    paper="Abnar, Zuidema 2020, Quantifying Attention Flow in Transformers, arXiv:2005.00928",
    needs="self-attention between all tokens",
    cost="1 forward",
    caveat="Does not know the class: every target gets the same map. It follows the attention and not the values.",
    applies=lacks_global_attention,
    signed=False,
)
def attention_rollout(score_function: ScoreFunction) -> Tensor:
    """The row of the class token over the tokens of the grid; without a class token the mean of all rows."""
    model, axes = score_function.model, token_axes(score_function.model)
    if axes is None:
        raise UsageError(f"{model.name} has no tokens on a grid.")
    mixing = rollout(attention_weights(model, score_function.image))
    score_function.cost.forwards += 1
    row = mixing[0] if axes.before else mixing.mean(dim=0)
    return axes.to_map(row[None, :, None], score_function.size)[0, 0].float()
