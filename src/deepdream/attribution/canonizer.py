"""A copy of a network as a graph in which every operation can be seen and replaced.

Libraries that hook modules are silently wrong where an activation is a function, runs twice, or writes in
place: captum's guided backpropagation then equals the gradient, its DeepLift input times gradient. Here
functional activations and additions become modules of their own, shared ones are separated, nothing is in
place, and what does nothing in evaluation is gone. The copy's outputs are compared with the original's.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from captum.attr._utils.custom_modules import Addition_Module
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.utils.fusion import fuse_conv_bn_eval

from deepdream.attribution.network_copies import frozen_copy
from deepdream.errors import UsageError
from deepdream.models import Model

#: The copy's outputs may differ by this much, relative to the original's.
TOLERANCE = 1e-4

#: Activations as functions or methods, and the modules that take their place.
_ACTIVATIONS: dict[Any, type[nn.Module]] = {
    F.relu: nn.ReLU, torch.relu: nn.ReLU, torch.relu_: nn.ReLU, F.relu_: nn.ReLU, F.relu6: nn.ReLU6,
    F.silu: nn.SiLU, F.gelu: nn.GELU, F.hardswish: nn.Hardswish, F.hardsigmoid: nn.Hardsigmoid,
    torch.sigmoid: nn.Sigmoid, F.sigmoid: nn.Sigmoid, torch.tanh: nn.Tanh, F.tanh: nn.Tanh,
    F.mish: nn.Mish, F.softplus: nn.Softplus, F.elu: nn.ELU, F.leaky_relu: nn.LeakyReLU,
    "relu": nn.ReLU, "relu_": nn.ReLU, "sigmoid": nn.Sigmoid, "sigmoid_": nn.Sigmoid, "tanh": nn.Tanh,
}  # fmt: skip
_ADDITIONS = {operator.add, operator.iadd, torch.add, "add", "add_"}
_PRODUCTS = {operator.mul, operator.imul, torch.mul, "mul", "mul_"}
_IDLE = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout)
_IDLE_NAMES = {"StochasticDepth", "DropPath", "stochastic_depth", "dropout", "drop_path"}


#: Rectifiers, and the smooth functions that took their place.
RECTIFIERS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.Hardswish, nn.SiLU, nn.GELU, nn.Mish, nn.Softplus,
)  # fmt: skip


class Product(nn.Module):
    """Two tensors multiplied, as a module that can be given a rule."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b


class _Tracer(fx.Tracer):
    """Sees into every module that can be seen into; others (control flow on sizes) stay whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if type(m).__module__.startswith("torch.nn"):
            return super().is_leaf_module(m, module_qualified_name)
        # A subclass of a convolution may pad by itself; its rule needs it whole.
        if isinstance(m, nn.Conv2d):
            return True
        if any(m.children()):
            return False
        try:
            fx.Tracer().trace(m)
        except Exception:  # noqa: BLE001 - a trace runs the module's own code, which may raise anything
            return True
        return False


def canonized(model: Model) -> fx.GraphModule:
    """The graph of a frozen copy of ``model.module``; takes normalized pictures, gives logits.

    Raises:
        UsageError: the network cannot be traced, or its copy does not compute the same.
    """
    if model not in _GRAPHS:
        try:
            _GRAPHS[model] = _canonize(model)
        except UsageError as error:
            # The reason is kept too: a failed trace of a large network takes as long as a good one.
            _GRAPHS[model] = str(error)
    graph = _GRAPHS[model]
    if isinstance(graph, str):
        raise UsageError(graph)
    return graph


def untraceable(model: Model) -> str | None:
    """Why no readable copy of the network can be made, or None."""
    try:
        canonized(model)
    except UsageError as error:
        return str(error)
    return None


_GRAPHS: WeakKeyDictionary[Model, fx.GraphModule | str] = WeakKeyDictionary()


def _canonize(model: Model) -> fx.GraphModule:
    example, network, tracer = example_of(model), frozen_copy(model), _Tracer()
    # Batch norms that carry an activation (timm's) become a norm and what they carry.
    for name, part in list(network.named_modules()):
        if isinstance(part, nn.BatchNorm2d) and any(True for _ in part.children()):
            plain = nn.BatchNorm2d(part.num_features, part.eps, affine=part.affine)
            plain.load_state_dict(part.state_dict(), strict=False)
            parent, _, child = name.rpartition(".")
            pieces = nn.Sequential(plain, *part.children()).eval().requires_grad_(False)
            setattr(network.get_submodule(parent), child, pieces)
    try:
        graph = tracer.trace(network)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"its computation cannot be written as one graph ({reason})") from error
    module = fx.GraphModule(tracer.root, graph).eval()
    with torch.no_grad():
        ShapeProp(module).propagate(example)
        _rewrite(module)
        _fold_norms(module)
        # Tracing follows one path through the code: where that depends on values, the copy is another network.
        expected = frozen_copy(model)(example)
        if (module(example) - expected).norm() > TOLERANCE * expected.norm():
            raise UsageError("the readable copy of it does not give the same output")
    return module


def _rewrite(module: fx.GraphModule) -> None:
    """Make every activation, sum and product a module of its own, and nothing in place."""
    for node in list(module.graph.nodes):
        if _is_idle(module, node):
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)
    visited: set[str] = set()
    for node in list(module.graph.nodes):
        replacement = _module_for(node)
        if replacement is not None:
            place_module(module, node, replacement)
        elif node.op == "call_module":
            # A module without weights that runs twice gets a copy: captum keeps what one module saw last.
            name, part = str(node.target), module.get_submodule(str(node.target))
            if name in visited and not any(True for _ in part.parameters()):
                node.target = f"{name.replace('.', '_')}_{node.name}_again"
                module.add_submodule(node.target, copy.deepcopy(part))
            visited.add(name)
        # Operations in place would overwrite what the backward pass of a rule needs.
        swaps: dict[Any, Any] = {
            operator.iadd: operator.add,
            operator.imul: operator.mul,
            operator.isub: operator.sub,
        }
        if node.op == "call_function":
            node.target = swaps.get(node.target, node.target)
            if node.kwargs.get("inplace"):
                node.kwargs = {**node.kwargs, "inplace": False}
        elif (
            node.op == "call_method"
            and str(node.target).endswith("_")
            and not str(node.target).startswith("_")
        ):
            node.target = str(node.target)[:-1]
    module.graph.lint()
    module.recompile()


def _is_idle(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        part = module.get_submodule(str(node.target))
        return isinstance(part, _IDLE) or type(part).__name__ in _IDLE_NAMES
    return node.op == "call_function" and getattr(node.target, "__name__", "") in _IDLE_NAMES


def _module_for(node: fx.Node) -> nn.Module | None:
    """The module that does what the function or method of ``node`` does, if it needs one."""
    if node.op not in ("call_function", "call_method"):
        return None
    if node.target in _ACTIVATIONS:
        names = {"negative_slope", "alpha", "approximate", "beta", "threshold"}
        kind: Callable[..., nn.Module] = _ACTIVATIONS[node.target]
        return kind(**{name: value for name, value in node.kwargs.items() if name in names})
    # Whether both operands depend on the picture: a parameter or a number is no second operand.
    operands = [arg for arg in node.args if isinstance(arg, fx.Node)]
    both = len(operands) == 2 and all("tensor_meta" in o.meta and o.op != "get_attr" for o in operands)
    if node.target in _ADDITIONS and both and not node.kwargs.get("alpha"):
        addition: nn.Module = Addition_Module()
        return addition
    if node.target in _PRODUCTS and both:
        return Product()
    if node.target is F.max_pool2d:
        names_of_pool = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        given: dict[str, Any] = dict(zip(names_of_pool, node.args[1:], strict=False))
        return nn.MaxPool2d(**given | {n: node.kwargs[n] for n in names_of_pool if n in node.kwargs})
    return None


def _fold_norms(module: fx.GraphModule) -> None:
    """Batch norms right after a convolution become part of it: one linear operation has one rule."""
    for node, norm in list(parts(module)):
        before = node.args[0]
        if type(norm) is not nn.BatchNorm2d or not isinstance(before, fx.Node) or len(before.users) > 1:
            continue
        convolution = module.get_submodule(str(before.target)) if before.op == "call_module" else None
        if isinstance(convolution, nn.Conv2d) and norm.track_running_stats:
            place_module(module, before, fuse_conv_bn_eval(convolution, norm))
            node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
            module.graph.erase_node(node)
    module.graph.lint()
    module.recompile()


def place_module(module: fx.GraphModule, node: fx.Node, part: nn.Module) -> None:
    """Let ``node`` call ``part``, which takes its tensors and nothing else."""
    name = f"canonized_{node.name}"
    module.add_submodule(name, part.eval())
    tensors = tuple(arg for arg in (*node.args, *node.kwargs.values()) if isinstance(arg, fx.Node))
    with module.graph.inserting_before(node):
        fresh = module.graph.call_module(name, tensors)
    fresh.meta = dict(node.meta)
    node.replace_all_uses_with(fresh)
    module.graph.erase_node(node)


def parts(module: fx.GraphModule) -> Iterator[tuple[fx.Node, nn.Module]]:
    """Every node that calls a module, with the module."""
    for node in module.graph.nodes:
        if node.op == "call_module":
            yield node, module.get_submodule(str(node.target))


def example_of(model: Model) -> Tensor:
    """A normalized random picture (1, channels, height, width)."""
    shape = (1, model.channels, *model.preprocessing.size)
    return model.normalize(torch.rand(shape, generator=torch.Generator().manual_seed(0)))
