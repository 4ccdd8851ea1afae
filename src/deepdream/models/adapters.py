"""Networks whose forward pass takes or gives more than (B, C, H, W) -> (B, classes): second inputs, other outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


def adapted(module: nn.Module, extra: Sequence[Any] = (), output: Any = None) -> nn.Module:
    """``module`` with constant second inputs, giving one part of its output; it shares parts and weights.

    The result is of a subclass of the module's own class, so the names of layers stay as they are and
    ``isinstance`` still holds. The module itself is not changed.

    Args:
        module: The user's network.
        extra: What is passed after the picture. A tensor moves with the network, and is expanded to the batch
            where its first axis is 1.
        output: Key, attribute or index of the logits in the output; None: the output itself.
    """
    base = type(module)
    twin: Any = base.__new__(base)
    twin.__dict__ = {
        name: value.copy() if name in ("_parameters", "_buffers", "_modules") else value
        for name, value in vars(module).items()
    }
    inputs: list[Any] = []
    for number, value in enumerate(extra):
        if isinstance(value, Tensor):
            # A buffer moves with the network to another device; it is no part of its weights.
            twin.register_buffer(f"extra_input_{number}", value.detach().clone(), persistent=False)
            inputs.append(f"extra_input_{number}")
        else:
            inputs.append((value,))

    def forward(self: Any, x: Tensor) -> Any:
        values = [getattr(self, i) if isinstance(i, str) else i[0] for i in inputs]
        result = base.forward(self, x, *(_for_batch(value, x) for value in values))
        return result if output is None else part_of(result, output)

    twin.__class__ = type(base.__name__, (base,), {"forward": forward, "__module__": base.__module__})
    return twin  # type: ignore[no-any-return]


def _for_batch(value: Any, x: Tensor) -> Any:
    if isinstance(value, Tensor) and value.dim() and value.shape[0] == 1:
        return value.expand(x.shape[0], *value.shape[1:])
    return value


def part_of(result: Any, key: Any) -> Any:
    """The entry ``key`` of a dict, a tuple or an object with attributes.

    Raises:
        KeyError, IndexError, AttributeError: it has no such part.
    """
    if isinstance(key, str) and not isinstance(result, dict):
        return getattr(result, key)
    return result[key]


def unwrapped(module: nn.Module) -> nn.Module:
    """The network inside DataParallel, DistributedDataParallel and what ``torch.compile`` gives."""
    while True:
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        elif type(module).__name__ == "OptimizedModule":  # importing its class would take a second
            module = module._orig_mod  # type: ignore[assignment]
        else:
            return module
