"""A copy of a network made ready for use: frozen, batch norms folded, paddings merged, channels last.

Every name of the original stays valid in the copy, so that hooks find the same parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.models.copies import copied, evaluation_copy
from deepdream.models.efficientnet_lite import EfficientNetLite, fuse, mirror
from deepdream.models.frozen import freeze_convolutions, has_hooks
from deepdream.models.layers import hooked, single_thread
from deepdream.models.pooling import replace_pools


class FoldedNorm(nn.Module):
    """What is left of a batch norm whose arithmetic moved into the convolution before it.

    timm's norms carry an activation (``drop``, ``act``); it stays, under its own name.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        for name, child in norm.named_children():
            self.add_module(name, child)

    def forward(self, x: Tensor) -> Tensor:
        for child in self.children():
            x = child(x)
        return x


@dataclass(frozen=True, eq=False)
class Prepared:
    """A frozen copy of a network that computes the same faster.

    Attributes:
        network: The copy; the original's names are valid in it.
        changed: Parts whose own output is no longer the original's: convolutions that took up a norm, and
            paddings that went into a convolution.
        mirrored: Whether it takes pictures turned by 180 degrees and gives feature maps turned likewise.
    """

    network: nn.Module
    changed: frozenset[str] = frozenset()
    mirrored: bool = False

    def __call__(self, x: Tensor) -> Any:
        """The network's output for a normalized (B, 3, H, W), upright."""
        return self.network(self.turned(x))

    def turned(self, x: Tensor) -> Tensor:
        """Pictures or feature maps (B, C, h, w) as the network takes or gives them; other shapes unchanged."""
        return x.flip(2, 3) if self.mirrored and x.dim() == 4 else x


def prepare(
    network: nn.Module,
    example: Tensor,
    *,
    tolerance: float = 1e-4,
    dtype: torch.dtype | None = None,
    channels_last: bool = True,
) -> Prepared:
    """A faster copy of ``network``; where folding changed its output by more than ``tolerance``, a plain one.

    A convolution that is followed by a batch norm takes up its arithmetic (relative change of the output is
    checked). In-place activations stay: with frozen weights they save memory and traffic, and what hooks keep
    is copied before the next part runs.

    Args:
        network: In evaluation mode; not changed.
        example: A normalized (1, 3, H, W) input on the network's device.
        dtype: That of the copy, if not the network's own; norms are folded before.
        channels_last: The memory layout of the copy; contiguous for networks that need it (see ``memory_layout``).
    """
    with single_thread(network), torch.no_grad():
        twin = evaluation_copy(network)
        changed, expected = _fold_batch_norms(twin, example.clone())  # a network may write into its input
        mirrored = isinstance(twin, EfficientNetLite)
        if isinstance(twin, EfficientNetLite):
            changed |= mirror(twin)
        lower = None if dtype is None else copied(twin)
        result = Prepared(arranged(twin, example, channels_last=channels_last), changed, mirrored)
        if isinstance(twin, EfficientNetLite) and _can_fuse(twin, example):
            fuse(twin)
        if changed and not _close(expected, result(example), tolerance):
            return plain_copy(network, example, dtype, channels_last=channels_last)
        if lower is None:
            return result
        return Prepared(arranged(lower, example, dtype, channels_last=channels_last), changed, mirrored)


def plain_copy(
    network: nn.Module, example: Tensor, dtype: torch.dtype | None = None, *, channels_last: bool = True
) -> Prepared:
    """A frozen copy in which every part gives the original's own output."""
    return Prepared(arranged(evaluation_copy(network), example, dtype, channels_last=channels_last))


def _can_fuse(network: nn.Module, example: Tensor) -> bool:
    """Whether every norm went into a convolution; on a GPU torch's own operations are better."""
    folded = not any(isinstance(part, nn.BatchNorm2d) for part in network.modules())
    return folded and example.device.type == "cpu"


def arranged(
    network: nn.Module, example: Tensor, dtype: torch.dtype | None = None, *, channels_last: bool = True
) -> nn.Module:
    """Channels last; in its own precision on a CPU with convolutions and poolings made for it."""
    if dtype is not None:
        network = network.to(dtype)
    if not channels_last:
        # Weights that the user gave as channels last would give such activations, whatever the input's layout.
        return network.to(memory_format=torch.contiguous_format)
    network = network.to(memory_format=torch.channels_last)
    # The compiled kernels take float32 alone.
    if example.device.type == "cpu" and dtype is None and example.dtype == torch.float32:
        freeze_convolutions(network)
        replace_pools(network)
    return network


def _fold_batch_norms(network: nn.Module, example: Tensor) -> tuple[frozenset[str], Any]:
    """The names of the convolutions that took up a norm, and what the network gave before that."""
    names = {module: name for name, module in network.named_modules()}
    pairs, output = _convolution_norm_pairs(network, example)
    for convolution, norm in pairs.items():
        _absorb(convolution, norm)
        parent, _, child = names[norm].rpartition(".")
        setattr(network.get_submodule(parent), child, FoldedNorm(norm).eval())
    return frozenset(names[convolution] for convolution in pairs), output


def _convolution_norm_pairs(
    network: nn.Module, example: Tensor
) -> tuple[dict[nn.Conv2d, nn.BatchNorm2d], Any]:
    """Convolutions whose output goes into a batch norm, each running once, and the output of the pass.

    Found by watching one pass.
    """
    outputs: dict[int, tuple[nn.Conv2d, Tensor]] = {}
    runs: dict[nn.Module, int] = {}
    pairs: dict[nn.Conv2d, nn.BatchNorm2d] = {}

    def ran(module: nn.Module, output: Any) -> None:
        runs[module] = runs.get(module, 0) + 1
        if isinstance(module, nn.Conv2d):
            outputs[id(output)] = (module, output)  # holding the tensor keeps its id its own

    def entering(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        convolution = outputs.get(id(inputs[0]))
        if convolution is not None and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats:
            pairs[convolution[0]] = norm

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    handles = [norm.register_forward_pre_hook(entering) for norm in norms]
    try:
        watched = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
        with hooked(dict.fromkeys(watched, ran)):
            result = network(example)
    finally:
        for handle in handles:
            handle.remove()
    return {c: n for c, n in pairs.items() if runs.get(c) == 1 == runs.get(n) and _is_foldable(c, n)}, result


def _is_foldable(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> bool:
    """Whether the weight is a plain parameter, not one that ``weight_norm`` computes, and no hook needs the norm."""
    plain = "weight" in convolution._parameters and not hasattr(convolution, "parametrizations")
    return plain and not has_hooks(convolution) and not has_hooks(norm)


def _absorb(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """w' = w g / sqrt(v + eps), b' = (b - m) g / sqrt(v + eps) + beta, computed in float64."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = torch.rsqrt(norm.running_var.double() + norm.eps)
    if norm.weight is not None:
        gain = gain * norm.weight.double()
    bias = -norm.running_mean.double()
    if convolution.bias is not None:
        bias = bias + convolution.bias.double()
    bias = bias * gain
    if norm.bias is not None:
        bias = bias + norm.bias.double()
    weight = convolution.weight.double() * gain[:, None, None, None]
    convolution.weight = nn.Parameter(weight.to(convolution.weight.dtype), requires_grad=False)
    convolution.bias = nn.Parameter(bias.to(convolution.weight.dtype), requires_grad=False)


def _close(expected: Any, got: Any, tolerance: float) -> bool:
    if not isinstance(expected, Tensor) or not isinstance(got, Tensor):
        return False
    return bool((expected - got).norm() <= tolerance * expected.norm())
