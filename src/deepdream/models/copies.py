"""Copies of a user's network, whatever it holds, and passes through it that leave nothing behind."""

from __future__ import annotations

import copy
import types
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

_HOOKS = (SpectralNorm, WeightNorm, BasePruningMethod)


def copied(module: nn.Module) -> nn.Module:
    """An independent copy of ``module``, with its weights and states; what cannot be copied is shared.

    ``copy.deepcopy`` refuses tensors that belong to a graph (maps kept by a forward pass, the old ``weight_norm``
    and ``spectral_norm``), locks, files and generators. Such tensors are detached here; the rest is shared.
    """
    # A deep copy of a compiled part would compile again.
    compiled = any(type(part).__name__ == "OptimizedModule" for part in module.modules())
    if compiled or any(_closed_over(value) for part in module.modules() for value in vars(part).values()):
        return structural_copy(module)
    try:
        return copy.deepcopy(module)
    except Exception:  # noqa: BLE001 - what a user's object raises when it is copied may be anything
        return structural_copy(module)


def structural_copy(module: nn.Module) -> nn.Module:
    """As ``copied``, part by part; compiled methods become the methods as they were written."""
    twin: nn.Module = _copy_of(module, {})
    return twin


def _copy_of(value: Any, memo: dict[int, Any]) -> Any:
    if id(value) in memo:
        return memo[id(value)]
    result: Any
    if isinstance(value, nn.Module) and not isinstance(value, torch.jit.ScriptModule):
        result = memo[id(value)] = type(value).__new__(type(value))
        # Not by setattr: modules may have properties and __setattr__ methods of their own.
        result.__dict__ |= {name: _copy_of(part, memo) for name, part in vars(value).items()}
    elif isinstance(value, Tensor) and value.grad_fn is not None:
        result = memo[id(value)] = value.detach().clone()
    elif isinstance(value, Tensor) and value.grad is not None:
        result = memo[id(value)] = copy.deepcopy(value, {id(value.grad): None})
    elif hasattr(value, "_torchdynamo_orig_callable"):
        result = memo[id(value)] = copy.deepcopy(value._torchdynamo_orig_callable, memo)
    elif _closed_over(value):
        cells = [types.CellType(_copy_of(cell.cell_contents, memo)) for cell in value.__closure__]
        code, names = value.__code__, value.__globals__
        result = memo[id(value)] = types.FunctionType(
            code, names, value.__name__, value.__defaults__, tuple(cells)
        )
        result.__kwdefaults__ = value.__kwdefaults__
    elif type(value) in (dict, OrderedDict):
        result = memo[id(value)] = type(value)()
        result.update((key, _copy_of(part, memo)) for key, part in value.items())
    elif type(value) in (list, tuple, set):
        result = memo[id(value)] = type(value)(_copy_of(part, memo) for part in value)
    else:
        try:
            result = copy.deepcopy(value, memo)
        except Exception:  # noqa: BLE001 - as above
            result = value.clone_state() if isinstance(value, torch.Generator) else value
        memo[id(value)] = result
    return result


def _closed_over(value: Any) -> bool:
    """Whether ``value`` is a function such as ``forward = lambda x: self.head(x)``, which belongs to its module."""
    if not isinstance(value, types.FunctionType) or not value.__closure__:
        return False
    return any(isinstance(cell.cell_contents, nn.Module) for cell in value.__closure__)


def has_computed_weights(module: nn.Module) -> bool:
    """Whether any weight is computed at each pass: by ``weight_norm``, ``spectral_norm``, pruning and the like."""
    return any(
        is_parametrized(part) or any(isinstance(h, _HOOKS) for h in part._forward_pre_hooks.values())
        for part in module.modules()
    )


def _compute_weights(module: nn.Module) -> None:
    """Replace every weight that is computed at each pass by its value, which is fixed in evaluation mode."""
    for part in list(module.modules()):
        if is_parametrized(part):
            # remove_parametrizations would change the class, which the copy shares with the user's module.
            values = {name: getattr(part, name) for name in part.parametrizations}  # type: ignore[union-attr]
            part.__class__ = type_before_parametrizations(part)
            del part._modules["parametrizations"]
            part._parameters |= {name: nn.Parameter(value) for name, value in values.items()}
        for key, hook in list(part._forward_pre_hooks.items()):
            if isinstance(hook, SpectralNorm):
                hook.remove(part)
                del part._forward_pre_hooks[key]
            elif isinstance(hook, (WeightNorm, BasePruningMethod)):
                hook.remove(part)
                part._forward_pre_hooks.pop(key, None)


def evaluation_copy(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose weights need no gradient, hold none, and are not computed anew at each pass."""
    twin = copied(module).eval()
    with torch.no_grad():
        _compute_weights(twin)
    for value in twin.parameters():
        if not is_lazy(value):  # which has no shape yet, and refuses
            value.requires_grad_(False)
    twin.zero_grad(set_to_none=True)
    return twin


class unchanged:  # noqa: N801 - used as a verb
    """The module in evaluation mode for a while; then its modes, attributes and buffers are what they were.

    A forward pass may keep its maps as attributes, count its calls or write into a buffer.
    """

    def __init__(self, module: nn.Module) -> None:
        self.attributes = [(part, dict(vars(part))) for part in module.modules()]
        # The dicts of parts and weights, and lists to which a pass appends, keep their identity.
        self.contents = [
            (value, copy.copy(value))
            for _, attributes in self.attributes
            for value in attributes.values()
            if type(value) in (dict, OrderedDict, list, set)
        ]
        self.buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
        self.parts = [part for part, _ in self.attributes]

    def __enter__(self) -> None:
        for part in self.parts:
            part.training = False

    def __exit__(self, *_: object) -> None:
        for part, attributes in self.attributes:
            vars(part).clear()
            vars(part).update(attributes)
        for container, content in self.contents:
            container.clear()
            container.extend(content) if isinstance(container, list) else container.update(content)
        with torch.no_grad():
            for buffer, values in self.buffers:
                buffer.copy_(values)
