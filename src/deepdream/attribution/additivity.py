"""Which operations of a network are additive, and so need no rule: measured, not looked up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

_LINEAR = {nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten}


def not_additive(module: fx.GraphModule, example: Tensor, known: tuple[type[nn.Module], ...]) -> list[str]:
    """The kinds of operation, other than ``known`` modules, for which f(a + b) is not f(a) + f(b) - f(0).

    Each operation is run on random tensors of the shapes it sees, so that layers that no list names are judged too.
    """
    judge = _Judge(module, known)
    with torch.no_grad():
        judge.run(example)
    return list(judge.not_additive)


class _Judge(fx.Interpreter):
    """Runs the graph and notes the operations that are not additive."""

    def __init__(self, module: fx.GraphModule, known: tuple[type[nn.Module], ...]) -> None:
        # Every operation is run again on random inputs, so the values of the others must be kept.
        super().__init__(module, garbage_collect_values=False)
        self.known = known
        self.not_additive: dict[str, None] = {}  # a set that keeps its order
        self.random = torch.Generator().manual_seed(0)

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        part = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        trivial = type(part) in _LINEAR or isinstance(part, self.known)
        if n.op.startswith("call") and not trivial and not self._is_additive(n, result):
            name = getattr(n.target, "__name__", str(n.target))
            self.not_additive[type(part).__name__ if part is not None else name] = None
        return result

    def _is_additive(self, node: fx.Node, result: Any) -> bool:
        sources = [n for n in node.all_input_nodes if n.op != "get_attr" and _floating(self.env[n])]
        if not sources or not _floating(result):
            # Sizes and indexes are no values to explain; a tuple of tensors cannot be judged.
            return not (sources and isinstance(result, tuple) and any(map(_floating, result)))
        a, b = (
            [torch.randn(v.shape, generator=self.random).to(v) for v in (self.env[n] for n in sources)]
            for _ in range(2)
        )
        both = [x + y for x, y in zip(a, b, strict=True)]
        zero = [torch.zeros_like(x) for x in a]

        def at(inputs: list[Tensor]) -> Tensor:
            values = dict(zip(sources, inputs, strict=True))
            args: Any = fx.map_arg(node.args, lambda source: values.get(source, self.env[source]))
            kwargs: Any = fx.map_arg(node.kwargs, lambda source: values.get(source, self.env[source]))
            output: Tensor = getattr(self, node.op)(node.target, args, kwargs)
            return output

        # Less f(0): a bias does not make an operation nonlinear.
        expected = at(a) + at(b) - at(zero)
        return bool((at(both) - expected).norm() <= 1e-3 * expected.norm() + 1e-6)


def _floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
