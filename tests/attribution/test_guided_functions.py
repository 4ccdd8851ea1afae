"""Guided backpropagation and deconvolution beside the activations and clamps of torch: the rule, or a note."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.attribution import explain
from deepdream.models import Model

#: Rectifiers: the methods' rule holds.
RULED: dict[str, Callable[[Tensor], Tensor]] = {
    "F.relu": F.relu,
    "torch.relu": torch.relu,
    "Tensor.relu": lambda x: x.relu(),
    "F.relu_": lambda x: F.relu_(x.clone()),
    "F.relu6": F.relu6,
    "torch.clamp": lambda x: torch.clamp(x, min=0),
    "torch.clamp to 6": lambda x: torch.clamp(x, 0, 6),
    "Tensor.clamp_min": lambda x: x.clamp_min(0),
    "Tensor.clip": lambda x: x.clip(0),
    "F.hardtanh from 0": lambda x: F.hardtanh(x, 0, 6),
    "F.threshold": lambda x: F.threshold(x, 0, 0),
    "torch.maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "torch.max": lambda x: torch.max(x, torch.zeros(())),
    "F.leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "F.elu": F.elu,
    "F.gelu": F.gelu,
    "F.silu": F.silu,
    "F.softplus": F.softplus,
    "F.hardswish": F.hardswish,
    "F.mish": F.mish,
}
#: No rectifiers, or none that the methods are defined for: the plain gradient, and a note that says so.
NAMED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "torch.where": (lambda x: torch.where(x > 0, x, torch.zeros_like(x)), "Where"),
    "mask": (lambda x: x * (x > 0), "a mask by comparison"),
    "F.hardtanh": (F.hardtanh, "Hardtanh"),
    "torch.clamp from -1": (lambda x: torch.clamp(x, -1, 1), "Clamp"),
    "F.prelu": (lambda x: F.prelu(x, torch.tensor([0.25])), "Prelu"),
    "F.selu": (F.selu, "Elu"),
    "F.celu": (F.celu, "Celu"),
    "torch.sigmoid": (torch.sigmoid, "Sigmoid"),
    "torch.tanh": (torch.tanh, "Tanh"),
    "torch.abs": (torch.abs, "Abs"),
    "F.softsign": (F.softsign, "Abs"),
    "F.logsigmoid": (F.logsigmoid, "LogSigmoid"),
    "F.hardsigmoid": (F.hardsigmoid, "Hardsigmoid"),
    "F.tanhshrink": (F.tanhshrink, "Tanh"),
    "F.hardshrink": (F.hardshrink, "Hardshrink"),
    "F.softshrink": (F.softshrink, "Softshrink"),
    "torch.exp": (torch.exp, "Exp"),
    "torch.square": (torch.square, "Pow"),
}


class Beside(nn.Module):
    """The function between two convolutions, and a ReLU after them, so that the methods apply."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (
            nn.Conv2d(*pair, 3, padding=1) for pair in ((3, 8), (8, 6), (6, 4))
        )
        self.head, self.function = nn.Linear(4, 3), function

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.function(self.first(x)))

    def after(self, x: Tensor) -> Tensor:
        return self.head(self.third(torch.relu(self.second(x))).mean((2, 3)))


def literal(network: Beside, image: Tensor, *, local: bool, ruled: bool) -> Tensor:
    """Backward, layer by layer, by the definitions of the papers."""
    x = image.clone().requires_grad_()
    z = network.first(x)
    a = network.function(z)
    y = network.second(a)
    score = network.head(network.third(torch.relu(y)).mean((2, 3)))[0, 1]
    (gradient,) = torch.autograd.grad(score, y, retain_graph=True)  # with the ReLU's own slope
    if not local:
        free = y.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(network.head(network.third(free).mean((2, 3)))[0, 1], free)
    (into,) = torch.autograd.grad(y, a, gradient.clamp(min=0), retain_graph=True)
    if ruled and not local:
        before = into.clamp(min=0)
    elif ruled:
        (slope,) = torch.autograd.grad(a, z, into, retain_graph=True)
        before = slope.clamp(min=0)
    else:
        (before,) = torch.autograd.grad(a, z, into, retain_graph=True)
    return torch.autograd.grad(z, x, before)[0][0]


@pytest.mark.parametrize("method", ["guided-backprop", "deconvolution"])
@pytest.mark.parametrize("name", RULED)
def test_a_rectifier_by_any_name_follows_the_rule(name: str, method: str) -> None:
    network, image = Beside(RULED[name]).eval(), torch.rand(1, 3, 12, 12)
    explanation = explain(Model.wrap(network, input_size=12), image, method, 1)
    expected = literal(network, image, local=method == "guided-backprop", ruled=True)
    assert explanation.attribution is not None
    torch.testing.assert_close(explanation.attribution, expected, rtol=1e-4, atol=1e-6)
    assert not any("plain one" in note for note in explanation.notes)


@pytest.mark.parametrize("method", ["guided-backprop", "deconvolution"])
@pytest.mark.parametrize("name", NAMED)
def test_what_is_no_rectifier_is_named(name: str, method: str) -> None:
    function, word = NAMED[name]
    network, image = Beside(function).eval(), torch.rand(1, 3, 12, 12)
    explanation = explain(Model.wrap(network, input_size=12), image, method, 1)
    expected = literal(network, image, local=method == "guided-backprop", ruled=False)
    assert explanation.attribution is not None
    torch.testing.assert_close(explanation.attribution, expected, rtol=1e-4, atol=1e-6)
    (note,) = [note for note in explanation.notes if "plain one" in note]
    assert word in note
