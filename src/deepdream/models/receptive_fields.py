"""Receptive fields and strides, measured by following one pass operation by operation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Reach:
    """How far one value of a tensor sees into the input, and how far apart neighbors lie (pixels).

    ``axes`` are those of channels, height and width, as far as they can be followed; None where they cannot.
    """

    field: float = 1.0
    jump: float = 1.0
    axes: tuple[int, int, int] | None = None


WHOLE = Reach(float("inf"), float("inf"))


_aten = torch.ops.aten


_MIXING = {  # operations that mix all positions
    _aten.bmm, _aten.baddbmm,
    _aten.adaptive_avg_pool2d, _aten._adaptive_avg_pool2d, _aten.adaptive_max_pool2d,
    _aten._scaled_dot_product_flash_attention_for_cpu, _aten._scaled_dot_product_flash_attention,
    _aten._scaled_dot_product_efficient_attention, _aten._native_multi_head_attention,
}  # fmt: skip


_POOLS = {_aten.max_pool2d_with_indices, _aten.avg_pool2d, _aten.max_pool2d}


#: Operations on height and width that take and give (B, C, h, w).
_GRIDS = {
    _aten.convolution, *_POOLS, _aten.upsample_nearest2d, _aten.upsample_bilinear2d, _aten.upsample_bicubic2d,
    _aten._upsample_bilinear2d_aa, _aten._upsample_bicubic2d_aa, _aten._adaptive_avg_pool2d, _aten.adaptive_max_pool2d,
    _aten.reflection_pad2d, _aten.replication_pad2d,
}  # fmt: skip
#: Operations that change sizes and leave every axis where it is (a mean that keeps its axes, too).
_SAME_AXES = {
    _aten.slice,
    _aten.cat,
    _aten.constant_pad_nd,
    _aten.split,
    _aten.chunk,
    _aten.split_with_sizes,
    _aten.mean,
    _aten.sum,
    _aten.amax,
    _aten.amin,
}
#: Operations that may give the same shape with other places or axes.
_UNFOLLOWED = {
    _aten.view, _aten._unsafe_view, _aten.reshape, _aten._reshape_alias, _aten.as_strided, _aten.roll, _aten.flip,
    _aten.index, _aten.index_select, _aten.gather, _aten.scatter, _aten.rot90, _aten.sort, _aten.unfold, _aten.expand,
    _aten.bmm, _aten.baddbmm, _aten.mm, _aten.addmm, _aten.pixel_shuffle, _aten.channel_shuffle, _aten.im2col,
    _aten.col2im, *_MIXING,
} - _GRIDS  # fmt: skip


class ReachMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Carries the receptive field along with every tensor of a forward pass.

    A window of k positions, dilated by d, on a grid of jump j widens the field by (k-1)*d*j; a stride s
    multiplies the jump (Araujo, Norris, Sim 2019, Computing Receptive Fields, Distill). Where branches meet
    the widest counts.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reach: Any = WeakIdKeyDictionary()
        self.reach[start] = Reach(axes=(1, 2, 3))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Left at True, torch wraps the method below so that its first call imports torch._dynamo: 2.5 s of
        # CPU time for a compiler that is not used here.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        sources = [self.reach[t] for t in _tensors(args) if t in self.reach]
        if sources:
            reach = self._after(func.overloadpacket, args, sources)
            known = [
                (t, self.reach[t].axes) for t in _tensors(args) if t in self.reach and self.reach[t].axes
            ]
            for output in _tensors((result,)):
                axes = _axes_after(func.overloadpacket, args, known, output) if output.dim() == 4 else None
                self.reach[output] = replace(reach, axes=axes)
        return result

    def _after(self, operation: Any, args: tuple[Any, ...], sources: list[Reach]) -> Reach:
        widest = Reach(max(s.field for s in sources), max(s.jump for s in sources))
        if operation is _aten.convolution:
            kernel, stride, dilation = args[1].shape[-1], args[3][-1], args[5][-1]
            return _window(widest, kernel, stride, dilation)
        if operation in _POOLS:
            kernel = args[1][-1]
            return _window(widest, kernel, args[2][-1] if len(args) > 2 and args[2] else kernel, 1)
        if operation in _MIXING or (operation is _aten.mean and args[0].dim() == 4 and _pools(args)):
            return WHOLE
        return widest


def _axes_after(
    operation: Any, args: tuple[Any, ...], known: list[tuple[Tensor, Any]], output: Tensor
) -> tuple[int, int, int] | None:
    """The axes of ``output``, from those of the inputs that are ``known``."""
    if not known:
        return None
    source, (channel, row, column) = known[0]
    if operation in _GRIDS:
        return (channel, row, column) if channel == 1 and source is args[0] else None
    if operation in (_aten.permute, _aten.transpose):
        order = list(range(4))
        if operation is _aten.permute:
            order = [axis % 4 for axis in args[1]]
        else:
            first, second = args[1] % 4, args[2] % 4
            order[first], order[second] = order[second], order[first]
        return order.index(channel), order.index(row), order.index(column)
    if operation in _UNFOLLOWED:
        return None
    if operation in _SAME_AXES:
        return channel, row, column
    # Of a sum of a followed and another tensor (a residual block) the followed one says where things are.
    for tensor, (channel, row, column) in known:
        if tensor.dim() == 4 and all(tensor.shape[axis] == output.shape[axis] for axis in (row, column)):
            return channel, row, column
    return None


def _pools(args: tuple[Any, ...]) -> bool:
    return len(args) < 2 or any(axis in (2, 3, -1, -2) for axis in args[1] or (2,))


def _window(reach: Reach, kernel: int, stride: int, dilation: int) -> Reach:
    if reach == WHOLE:
        return WHOLE  # and not 0 * infinity
    return Reach(reach.field + (kernel - 1) * dilation * reach.jump, reach.jump * stride)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)
