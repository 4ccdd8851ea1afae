"""Networks whose forward pass takes or gives more than (B, C, H, W) -> (B, classes), made to do just that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from deepdream.errors import UsageError
from deepdream.models.copies import structural_copy

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Where errors about the interface of a network end.
WRAPPER = (
    "Where no argument of Model.wrap helps, a class of three lines does: "
    'docs/own-networks.md, "A network with another interface".'
)


def adapted(
    module: nn.Module,
    *,
    extra: Sequence[Any] = (),
    output: Any = None,
    axes: int = 2,
    gradient: bool = False,
) -> nn.Module:
    """``module`` with constant second inputs, giving one part of its output; it shares parts and weights.

    The result is of a subclass of the module's own class, so the names of layers stay as they are and
    ``isinstance`` still holds. The module itself is not changed.

    Args:
        module: The user's network.
        extra: What is passed after the picture. A tensor moves with the network, and is expanded to the batch
            where its first axis is 1.
        output: Key, attribute or index of the logits in the output; None: the output itself.
        axes: The number of axes of that part: (B,) of one logit and (B, classes, 1, 1) become (B, classes).
        gradient: The network needs a gradient also where none is wanted (``x.register_hook`` in its forward).
    """
    base = type(module)
    twin: Any = base.__new__(base)
    for name, value in vars(module).items():
        twin.__dict__[name] = value.copy() if name in ("_parameters", "_buffers", "_modules") else value
    inputs: list[Any] = []
    for number, value in enumerate(extra):
        if isinstance(value, Tensor):
            # A buffer moves with the network to another device; it is no part of its weights.
            nn.Module.register_buffer(twin, f"extra_input_{number}", value.detach().clone(), persistent=False)
        inputs.append(value)
    # A forward of the instance, not of the class, would hide the one below.
    forward_of_instance = twin.__dict__.pop("forward", None)

    def forward(self: Any, x: Tensor) -> Any:
        constants = [
            _for_batch(self._buffers[f"extra_input_{number}"], x) if isinstance(value, Tensor) else value
            for number, value in enumerate(inputs)
        ]

        def network(x: Tensor) -> Any:
            passed = (
                forward_of_instance(x, *constants)
                if forward_of_instance
                else base.forward(self, x, *constants)
            )
            return as_logits(passed if output is None else part_of(passed, output), axes)

        if not gradient or (torch.is_grad_enabled() and x.requires_grad):
            return network(x)
        if torch.is_grad_enabled():  # the gradient of a layer is wanted, not that of the picture
            return network(x.detach().requires_grad_())
        with torch.enable_grad():
            return network(x.detach().requires_grad_()).detach()

    twin.__class__ = type(base.__name__, (base,), {"forward": forward, "__module__": base.__module__})
    return twin  # type: ignore[no-any-return]


def _for_batch(value: Tensor, x: Tensor) -> Tensor:
    return value.expand(x.shape[0], *value.shape[1:]) if value.dim() and value.shape[0] == 1 else value


def part_of(result: Any, key: Any) -> Any:
    """The entry ``key`` of a dict, a tuple or an object with attributes. Raises UsageError: it has no such part."""
    parts = parts_of(result)
    if isinstance(key, int) and isinstance(result, (tuple, list)):  # a named tuple has names, too
        parts = dict(enumerate(result))
    if key not in parts:
        names = ", ".join(map(repr, parts)) or f"one {type(result).__name__}, without parts"
        raise UsageError(f"The network's output has no part {key!r}. It gives {names}.")
    return parts[key]


def parts_of(result: Any) -> dict[Any, Any]:
    """The tensors and values of an output by key, index or name of the attribute; none of a tensor."""
    if isinstance(result, Mapping):
        return dict(result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return dict(zip(result._fields, result, strict=True))
    if isinstance(result, (tuple, list)):
        return dict(enumerate(result))
    return vars(result) if hasattr(result, "__dict__") and not isinstance(result, Tensor) else {}


def as_logits(result: Any, axes: int) -> Any:
    """(B, classes) of a tensor with ``axes`` axes, whose number is given, since a traced one does not know it."""
    if axes == 1:
        return result.unsqueeze(1)
    return result.flatten(1) if axes > 2 else result


def unwrapped(module: nn.Module) -> nn.Module:
    """The network inside DataParallel, DistributedDataParallel and ``torch.compile``; compiled parts run as written.

    Compiling again for every batch size and layer would take a minute each.
    """
    while isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)) or _is_compiled(module):
        module = module._orig_mod if _is_compiled(module) else module.module  # type: ignore[assignment]
    parts = list(module.modules())
    if any(
        _is_compiled(part)
        or getattr(part, "_compiled_call_impl", None) is not None
        or hasattr(vars(part).get("forward"), "_torchdynamo_orig_callable")
        for part in parts
    ):
        module = structural_copy(module)
        for part in module.modules():
            part.__dict__.pop("_compiled_call_impl", None)
            if _is_compiled(part):
                # Not by setattr, which would make the original a second child. Names of layers stay.
                part.__dict__["forward"] = part.get_submodule("_orig_mod").__call__
    return module


def _is_compiled(module: nn.Module) -> bool:
    return type(module).__name__ == "OptimizedModule"  # importing its class would take a second
