"""Redirected gradients: lucid's formulas, the same output, and dead units that can be lifted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.ascent import channel, layer
from deepdream.ascent.climbing import measure_gradient
from deepdream.models import Model, load_model
from deepdream.models.rectifiers import redirected_gradients
from deepdream.plan import Plan
from deepdream.tensors import generator


class Functional(nn.Module):
    """A rectifier that is no module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def in_place(x: Tensor) -> Tensor:
    x.relu_()
    return x


RECTIFIERS: dict[str, tuple[nn.Module, float]] = {
    "ReLU": (nn.ReLU(), -9.0),
    "ReLU in place": (nn.ReLU(inplace=True), -9.0),
    "F.relu": (Functional(F.relu), -9.0),
    "F.relu in place": (Functional(lambda x: F.relu(x, inplace=True)), -9.0),
    "Tensor.relu": (Functional(lambda x: x.relu()), -9.0),
    "Tensor.relu_": (Functional(in_place), -9.0),
    "ReLU6": (nn.ReLU6(), -9.0),
    "ReLU6 in place": (nn.ReLU6(inplace=True), -9.0),
    "Hardtanh": (nn.Hardtanh(0, 6), -9.0),
    "SiLU": (nn.SiLU(), -9.0),
    "SiLU in place": (nn.SiLU(inplace=True), -9.0),
    "Hardswish": (nn.Hardswish(), -9.0),
    "Hardswish in place": (nn.Hardswish(inplace=True), -9.0),
}


class Dead(nn.Module):
    """A convolution whose every unit lies at about ``level``, and its rectifier."""

    def __init__(self, rectifier: nn.Module, level: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.rectifier = rectifier
        nn.init.constant_(self.conv.bias, level)

    def forward(self, x: Tensor) -> Tensor:
        return self.rectifier(self.conv(x))


def dead_model(rectifier: nn.Module, level: float) -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Model.wrap(Dead(rectifier, level), input_size=16)


@pytest.mark.parametrize("name", RECTIFIERS)
def test_a_dead_unit_is_lifted_and_without_redirection_it_is_not(name: str) -> None:
    model = dead_model(*RECTIFIERS[name])
    image = torch.rand(1, 3, 16, 16, generator=generator(0))

    def climbed(relu: str) -> float:
        x, plan = image, Plan(jitter=0, relu=relu)
        for _ in range(5):
            gradient, _ = measure_gradient(model, channel("rectifier", 1), x, plan, generator(0))
            x = x + 2 * gradient / gradient.abs().mean().clamp_min(1e-30) * bool(gradient.any())
        return float(model.activations(x, ["conv"])["conv"][:, 1].mean().detach())

    before = float(model.activations(image, ["conv"])["conv"][:, 1].mean().detach())
    assert climbed("redirected") > before + 3
    # SiLU falls towards zero from the right of its minimum on: its true gradient leads further down.
    assert climbed("true") <= before + 1e-6


@pytest.mark.parametrize("name", RECTIFIERS)
def test_the_output_and_a_living_picture_s_gradient_stay_as_they_are(name: str) -> None:
    rectifier, _ = RECTIFIERS[name]
    x = torch.linspace(-8, 8, 4001).reshape(1, -1)

    def through(redirected: bool) -> tuple[Tensor, Tensor]:
        leaf = x.clone().requires_grad_()
        if redirected:
            with redirected_gradients():
                out = rectifier(leaf * 1)
        else:
            out = rectifier(leaf * 1)
        (gradient,) = torch.autograd.grad(out.sum(), leaf)
        return out.detach(), gradient

    (plain, gradient), (same, redirected) = through(False), through(True)
    assert torch.equal(plain, same)
    torch.testing.assert_close(gradient, redirected, atol=2e-6, rtol=1e-5)


def lucid_redirected_relu6_grad(x: np.ndarray, grad: np.ndarray, ceiling: float) -> np.ndarray:
    """lucid/misc/redirected_relu_grad.py, literally; ``grad`` is that of a loss. ReLU: no ceiling."""
    relu_grad = np.where((x < 0.0) | (x > ceiling), 0.0, grad)
    neg_pushing_lower = (x < 0.0) & (grad > 0.0)
    pos_pushing_higher = (x > ceiling) & (grad < 0.0)
    redirected_grad = np.where(neg_pushing_lower | pos_pushing_higher, 0.0, grad)
    relu_grad_mag = np.linalg.norm(relu_grad.reshape(len(x), -1), axis=1)
    return np.where((relu_grad_mag > 0.0)[:, None], relu_grad, redirected_grad)


@pytest.mark.parametrize(("function", "ceiling"), [(F.relu, np.inf), (F.relu6, 6.0)])
def test_it_is_lucid_s_formula(function: Callable[[Tensor], Tensor], ceiling: float) -> None:
    x = torch.randn(6, 40, generator=generator(0)) * 4
    x[1] = -x[1].abs() - 0.1  # all dead
    x[2] = x[2].abs() + 6.1  # all saturated
    x[3] = torch.where(x[3] > 0, x[3] + 6.1, x[3] - 0.1)  # either
    upstream = torch.randn(6, 40, generator=generator(1))
    leaf = x.clone().requires_grad_()
    with redirected_gradients():
        out = function(leaf)
    (got,) = torch.autograd.grad(out, leaf, upstream)
    # lucid's gradient is that of a loss that falls: minus the score.
    expected = -lucid_redirected_relu6_grad(x.double().numpy(), -upstream.double().numpy(), ceiling)
    torch.testing.assert_close(got, torch.from_numpy(expected).float())


def test_the_module_is_not_touched() -> None:
    model = dead_model(nn.ReLU(inplace=True), -9.0)
    before = dict(model.module.named_modules())
    measure_gradient(
        model, channel("rectifier", 1), torch.rand(1, 3, 16, 16), Plan(relu="redirected"), generator(0)
    )
    assert dict(model.module.named_modules()) == before
    assert all(not part._forward_hooks for part in model.module.modules())
    leaf = torch.full((1, 3), -1.0, requires_grad=True)
    F.relu(leaf).sum().backward()
    assert leaf.grad is not None
    assert float(leaf.grad.abs().sum()) == 0


@pytest.mark.weights
def test_the_embedded_network_s_fused_blocks_are_redirected_too() -> None:
    """Its first rectifier is made dead everywhere: then only a redirected gradient reaches the picture."""
    model = load_model(device="cpu")
    stem = model.module.bn1
    assert isinstance(stem, nn.BatchNorm2d)
    with torch.no_grad():
        stem.bias.fill_(-1e4)
    image = torch.rand(1, 3, 64, 64, generator=generator(0))

    def seen(relu: str) -> tuple[Tensor, Tensor]:
        return measure_gradient(model, layer("blocks.1"), image, Plan(jitter=0, relu=relu), generator(0))

    (true, score), (redirected, same) = seen("true"), seen("redirected")
    assert float(true.abs().max()) == 0
    assert float(redirected.abs().max()) > 0
    torch.testing.assert_close(same, score)
