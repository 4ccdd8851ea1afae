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
        return isinstance(m, nn.Conv2d) or (not any(m.children()) and not _traceable(m))


def _traceable(module: nn.Module) -> bool:
    try:
        fx.Tracer().trace(module)
    except Exception:  # noqa: BLE001 - a trace runs the module's own code, which may raise anything
        return False
    return True


def canonized(model: Model) -> fx.GraphModule:
    """The graph of a frozen copy of ``model.module``; takes normalized pictures, gives logits.

    Raises:
        UsageError: the network cannot be traced, or its copy does not compute the same.
    """
    if model not in _GRAPHS:
        try:
            _GRAPHS[model] = _canonize(model)
        except UsageError as error:
            _GRAPHS[model] = str(error)
    found = _GRAPHS[model]
    if isinstance(found, str):
        raise UsageError(found)
    return found


def untraceable(model: Model) -> str | None:
    """Why no readable copy of the network can be made, or None."""
    try:
        canonized(model)
    except UsageError as error:
        return str(error)
    return None


_GRAPHS: WeakKeyDictionary[Model, fx.GraphModule | str] = WeakKeyDictionary()


def _canonize(model: Model) -> fx.GraphModule:
    example = example_of(model)
    network = frozen_copy(model.module)
    _split_norms(network)
    tracer = _Tracer()
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
        _verify(module(example), frozen_copy(model.module)(example))
    return module


def _split_norms(network: nn.Module) -> None:
    """Batch norms that carry an activation (timm's) become a norm and what they carry."""
    for name, part in list(network.named_modules()):
        if isinstance(part, nn.BatchNorm2d) and any(True for _ in part.children()):
            plain = nn.BatchNorm2d(part.num_features, part.eps, affine=part.affine)
            plain.load_state_dict(part.state_dict(), strict=False)
            parent, _, child = name.rpartition(".")
            pieces = nn.Sequential(plain, *part.children()).eval().requires_grad_(False)
            setattr(network.get_submodule(parent), child, pieces)


def _fold_norms(module: fx.GraphModule) -> None:
    """Batch norms right after a convolution go into it."""
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


def _verify(got: Tensor, expected: Tensor) -> None:
    if (got - expected).norm() > TOLERANCE * expected.norm():
        raise UsageError("the readable copy of it does not give the same output")


def _rewrite(module: fx.GraphModule) -> None:
    for node in list(module.graph.nodes):
        if _is_idle(module, node):
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)
    seen: set[str] = set()
    for node in list(module.graph.nodes):
        replacement = _module_for(node)
        if replacement is not None:
            place_module(module, node, replacement)
        elif node.op == "call_module":
            _separate(module, node, seen)
        _out_of_place(node)
    module.graph.lint()
    module.recompile()


def _is_idle(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        part = module.get_submodule(str(node.target))
        return isinstance(part, _IDLE) or type(part).__name__ in _IDLE_NAMES
    return node.op == "call_function" and getattr(node.target, "__name__", "") in _IDLE_NAMES


def _module_for(node: fx.Node) -> nn.Module | None:
    if node.op not in ("call_function", "call_method"):
        return None
    if node.target in _ACTIVATIONS:
        return _activation(node)
    if node.target in _ADDITIONS and _both_tensors(node) and not node.kwargs.get("alpha"):
        addition: nn.Module = Addition_Module()
        return addition
    if node.target in _PRODUCTS and _both_tensors(node):
        return Product()
    if node.target is F.max_pool2d:
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        given: dict[str, Any] = dict(zip(names, node.args[1:], strict=False))
        given |= {name: node.kwargs[name] for name in names if name in node.kwargs}
        return nn.MaxPool2d(**given)
    return None


def _activation(node: fx.Node) -> nn.Module:
    kind: Callable[..., nn.Module] = _ACTIVATIONS[node.target]
    names = {"negative_slope", "alpha", "approximate", "beta", "threshold"}
    return kind(**{name: value for name, value in node.kwargs.items() if name in names})


def _both_tensors(node: fx.Node) -> bool:
    """Whether both operands depend on the picture (a parameter or a number is no second operand)."""
    operands = [arg for arg in node.args if isinstance(arg, fx.Node)]
    return len(operands) == 2 and all("tensor_meta" in o.meta and o.op != "get_attr" for o in operands)


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


def _separate(module: fx.GraphModule, node: fx.Node, seen: set[str]) -> None:
    """A module without weights that runs again gets a copy of its own."""
    name = str(node.target)
    part = module.get_submodule(name)
    if name in seen and not any(True for _ in part.parameters()):
        node.target = f"{name.replace('.', '_')}_{node.name}_again"
        module.add_submodule(node.target, copy.deepcopy(part))
    seen.add(name)


def _out_of_place(node: fx.Node) -> None:
    swaps: dict[Any, Any] = {
        operator.iadd: operator.add,
        operator.imul: operator.mul,
        operator.isub: operator.sub,
    }
    if node.op == "call_function":
        node.target = swaps.get(node.target, node.target)
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
    elif node.op == "call_method" and str(node.target).endswith("_") and not str(node.target).startswith("_"):
        node.target = str(node.target)[:-1]


def parts(module: fx.GraphModule) -> Iterator[tuple[fx.Node, nn.Module]]:
    """Every node that calls a module, with the module."""
    for node in module.graph.nodes:
        if node.op == "call_module":
            yield node, module.get_submodule(str(node.target))


def example_of(model: Model) -> Tensor:
    """A normalized random picture (1, 3, crop, crop)."""
    crop = model.preprocessing.crop
    return model.normalize(torch.rand(1, 3, crop, crop, generator=torch.Generator().manual_seed(0)))
