"""Operations written as sums and functions of one number, so that DeepLIFT's rescale rule is exact for them.

The rescale rule is exact for a function of one number at a time. Products, overlapping max-pools and layer
norms are none, but each can be written with squares, rectifiers and an inverse root, which are.
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from deepdream.attribution.canonizer import Product, parts, place_module


class Square(nn.Module):
    """x^2."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x


class InverseRoot(nn.Module):
    """1 / sqrt(x + eps)."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return torch.rsqrt(x + self.eps)


class ProductBySquares(nn.Module):
    """ab = ((a + b)^2 - (a - b)^2) / 4: each factor is credited with the mean of the other's two values."""

    def __init__(self) -> None:
        super().__init__()
        self.of_sum, self.of_difference = Square(), Square()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        product: Tensor = (self.of_sum(a + b) - self.of_difference(a - b)) / 4
        return product


class LargestOfSlices(nn.Module):
    """The largest of k shifted slices along one axis: max(a, b) = b + relu(a - b), pair by pair."""

    def __init__(self, kernel: int, stride: int, axis: int) -> None:
        super().__init__()
        self.kernel, self.stride, self.axis = kernel, stride, axis
        self.steps = nn.ModuleList(nn.ReLU() for _ in range(kernel - 1))

    def forward(self, x: Tensor) -> Tensor:
        count = (x.shape[self.axis] - self.kernel) // self.stride + 1
        index = torch.arange(count, device=x.device) * self.stride
        largest = x.index_select(self.axis, index)
        for shift, relu in enumerate(self.steps, start=1):
            other = x.index_select(self.axis, index + shift)
            largest = other + relu(largest - other)
        return largest


class MaxPoolByPairs(nn.Module):
    """A max-pool, rows first, then columns; overlapping windows and borders included.

    The border is padded by repeating the edge, which is a member of every window that reaches over it.
    """

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        stride = pool.stride if pool.stride is not None else pool.kernel_size
        self.kernel, self.stride, self.padding = (_pair(v) for v in (pool.kernel_size, stride, pool.padding))
        self.ceil_mode = pool.ceil_mode
        self.rows = LargestOfSlices(self.kernel[0], self.stride[0], 2)
        self.columns = LargestOfSlices(self.kernel[1], self.stride[1], 3)

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (self._margins(axis, x.shape[2 + axis]) for axis in (0, 1))
        largest: Tensor = self.columns(self.rows(F.pad(x, (left, right, top, bottom), mode="replicate")))
        return largest

    def _margins(self, axis: int, size: int) -> tuple[int, int]:
        kernel, stride, padding = self.kernel[axis], self.stride[axis], self.padding[axis]
        steps = (size + 2 * padding - kernel) / stride
        count = (math.ceil(steps) if self.ceil_mode else math.floor(steps)) + 1
        if (count - 1) * stride >= size + padding:
            count -= 1  # torch drops a window that begins beyond the picture
        return padding, max((count - 1) * stride + kernel - size - padding, 0)


class LayerNormByParts(nn.Module):
    """A layer norm over the last axes: center, square, inverse root, product."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.axes = tuple(range(-len(norm.normalized_shape), 0))
        self.weight, self.bias = norm.weight, norm.bias
        self.square, self.root, self.product = Square(), InverseRoot(norm.eps), ProductBySquares()

    def forward(self, x: Tensor) -> Tensor:
        centered = x - x.mean(dim=self.axes, keepdim=True)
        # The square reads a copy: captum's hook replaces the gradient of all that its input is used for.
        root = self.root(self.square(centered.clone()).mean(dim=self.axes, keepdim=True))
        normed: Tensor = self.product(centered, root.expand_as(centered))
        normed = normed if self.weight is None else normed * self.weight
        return normed if self.bias is None else normed + self.bias


def decomposed(module: fx.GraphModule) -> fx.GraphModule:
    """A copy in which products, max-pools and layer norms are written by their parts."""
    twin = copy.deepcopy(module)
    for node in list(twin.graph.nodes):
        if node.op == "call_function" and node.target is F.layer_norm:
            names = ("input", "normalized_shape", "weight", "bias", "eps")
            given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
            norm = nn.LayerNorm(given["normalized_shape"], eps=given.get("eps", 1e-5))
            norm.register_parameter("weight", _parameter(twin, given.get("weight")))
            norm.register_parameter("bias", _parameter(twin, given.get("bias")))
            node.args, node.kwargs = (given["input"],), {}
            place_module(twin, node, LayerNormByParts(norm))
    for node, part in list(parts(twin)):
        if isinstance(part, Product):
            place_module(twin, node, ProductBySquares())
        elif isinstance(part, nn.LayerNorm):
            place_module(twin, node, LayerNormByParts(part))
        elif isinstance(part, nn.MaxPool2d) and _pair(part.dilation) == (1, 1):
            place_module(twin, node, MaxPoolByPairs(part))
    # Every module reads a copy of what others read too: captum's hook replaces the whole gradient of the tensor that
    # goes into an activation, also the part that came back from elsewhere, which would be lost.
    for node, _ in list(parts(twin)):
        for source in node.all_input_nodes:
            if len(source.users) > 1:
                with twin.graph.inserting_before(node):
                    node.replace_input_with(source, twin.graph.call_method("clone", (source,)))
    twin.graph.lint()
    twin.recompile()
    return twin


def _parameter(module: fx.GraphModule, node: object) -> nn.Parameter | None:
    if not isinstance(node, fx.Node):
        return None
    holder, _, name = str(node.target).rpartition(".")
    parameter: nn.Parameter = getattr(module.get_submodule(holder), name)
    return parameter


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
