"""Which operations of a network are additive, and so need no rule: measured, not looked up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

_LINEAR = {nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten}


def not_additive(module: fx.GraphModule, example: Tensor, known: tuple[type[nn.Module], ...]) -> list[str]:
    """The kinds of operation, other than ``known`` modules, for which f(a + b) is not f(a) + f(b) - f(0).

    Measured, not looked up: each operation is run on random tensors of the shapes it sees, so that layers
    nobody has listed are judged too.
    """
    judge = _Judge(module, known)
    with torch.no_grad():
        judge.run(example)
    return list(judge.found)


class _Judge(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, known: tuple[type[nn.Module], ...]) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.known = known
        self.found: dict[str, None] = {}
        self.random = torch.Generator().manual_seed(0)

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        part = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        trivial = type(part) in _LINEAR or isinstance(part, self.known)
        if n.op.startswith("call") and not trivial and not self._additive(n, result):
            name = getattr(n.target, "__name__", str(n.target))
            self.found[type(part).__name__ if part is not None else name] = None
        return result

    def _additive(self, node: fx.Node, result: Any) -> bool:
        sources = [n for n in node.all_input_nodes if n.op != "get_attr" and _floating(self.env[n])]
        if not sources or not _floating(result):
            return not (sources and isinstance(result, tuple) and any(map(_floating, result)))
        a, b = ([self._random_like(self.env[n]) for n in sources] for _ in range(2))
        both = [x + y for x, y in zip(a, b, strict=True)]
        zero = [torch.zeros_like(x) for x in a]
        at_a, at_b, at_both, at_zero = (
            self._at(node, dict(zip(sources, x, strict=True))) for x in (a, b, both, zero)
        )
        wanted = at_a + at_b - at_zero
        return bool((at_both - wanted).norm() <= 1e-3 * wanted.norm() + 1e-6)

    def _random_like(self, value: Tensor) -> Tensor:
        return torch.randn(value.shape, generator=self.random).to(value)

    def _at(self, node: fx.Node, values: dict[fx.Node, Tensor]) -> Tensor:
        def load(source: fx.Node) -> Any:
            return values.get(source, self.env[source])

        args: Any = fx.map_arg(node.args, load)
        kwargs: Any = fx.map_arg(node.kwargs, load)
        found: Tensor = getattr(self, node.op)(node.target, args, kwargs)
        return found


def _floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
