"""Backpropagation by hand against autograd, published numbers, and the bug of a notebook; descent."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdream.lecture import backpropagation, notebook_bug
from deepdream.lecture.backpropagation import chain_rule_neuron
from deepdream.lecture.datasets import bundled, one_hot
from deepdream.lecture.descent import (
    climb_example,
    critical_rate,
    gradient_descent,
    hessian,
    line_loss,
    line_samples,
    neuron_activation,
)
from deepdream.lecture.losses import find_loss
from deepdream.lecture.mlp import MLP


@pytest.mark.parametrize("loss", ["quadratic", "cross-entropy", "l1", "squared-error"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "identity"])
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_by_hand_as_by_autograd(loss: str, activation: str, output: str) -> None:
    outputs = (3 if loss == "l1" else 2) if output == "softmax" else 1
    sizes = [3, 4, 3, outputs]
    model = MLP(sizes, activation, output=output, seed=2)
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(6, n, generator=generator, dtype=torch.float64) for n in (3, sizes[-1]))
    find_loss(loss)(y, model(x)).backward()
    for ours, parameter in zip(
        backpropagation.backprop(model, x, y, loss).gradients, model.parameters(), strict=True
    ):
        assert parameter.grad is not None
        assert (ours - parameter.grad).abs().max() < 1e-12


def test_mazurs_example() -> None:
    model, x, y = backpropagation.mazur()
    trace = backpropagation.backprop(model, x, y)
    assert trace.cost == pytest.approx(0.298371109, abs=5e-10)
    assert trace.layers[0].a[0].tolist() == pytest.approx([0.59326999, 0.59688438], abs=5e-9)
    assert trace.layers[1].a[0].tolist() == pytest.approx([0.75136507, 0.77292847], abs=5e-9)
    assert trace.layers[1].grad_w[0, 0].item() == pytest.approx(0.08216704, abs=5e-9)
    backpropagation.take_step(model, trace, 0.5, bias_lr=0.0)
    w5_to_w8 = [0.35891648, 0.40866619, 0.51130127, 0.56137012]
    assert model.linear[1].weight.flatten().tolist() == pytest.approx(w5_to_w8, abs=5e-9)
    assert model.linear[0].weight[0, 0].item() == pytest.approx(0.14978072, abs=5e-9)
    # 0.291027924 is printed in the original: its hidden delta used weights that were updated already
    assert backpropagation.backprop(model, x, y).cost == pytest.approx(0.2910277737, abs=5e-11)


def test_mazurs_example_with_moving_biases() -> None:
    model, x, y = backpropagation.mazur()
    backpropagation.take_step(model, backpropagation.backprop(model, x, y), 0.5)
    assert backpropagation.backprop(model, x, y).cost == pytest.approx(0.2804714468, abs=5e-11)


@pytest.mark.slow
def test_mazurs_example_to_its_end() -> None:
    model, x, y = backpropagation.mazur()
    for _ in range(10_000):
        backpropagation.take_step(model, backpropagation.backprop(model, x, y), 0.5, bias_lr=0.0)
    assert backpropagation.backprop(model, x, y).cost == pytest.approx(3.5102e-5, abs=5e-10)
    assert model(x)[0].tolist() == pytest.approx([0.01591362, 0.98406427], abs=5e-9)


def test_the_neuron_of_cs231n() -> None:
    graph = chain_rule_neuron()
    assert graph.values["z"] == 1
    assert graph.values["a"] == pytest.approx(0.7310585786, abs=5e-11)
    assert graph.slopes["z"] == pytest.approx(0.1966119332, abs=5e-11)
    inputs = [graph.slopes[name] for name in ("x0", "x1")]
    weights = [graph.slopes[name] for name in ("w0", "w1", "b")]
    assert inputs == pytest.approx([0.39322387, -0.58983580], abs=5e-9)
    assert weights == pytest.approx([-0.19661193, -0.39322387, 0.19661193], abs=5e-9)


@pytest.mark.parametrize("sizes", [[3, 4, 1], [3, 4, 3, 1]])
def test_a_right_gradient_passes(sizes: list[int]) -> None:
    x, y = notebook_bug.notebook_samples()
    check = backpropagation.check_gradients(MLP(sizes), x, y)
    assert check.passed
    assert check.worst < 1e-7
    assert len(check.rows) == sum(p.numel() for p in MLP(sizes).parameters())


def test_the_check_leaves_the_network_as_it_was() -> None:
    model = MLP([3, 4, 1])
    before = [p.clone() for p in model.parameters()]
    backpropagation.check_gradients(model, *notebook_bug.notebook_samples())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_the_notebooks_bug_is_caught_at_the_weights_it_spoils() -> None:
    check = backpropagation.check_gradients(
        MLP([3, 4, 1]), *notebook_bug.notebook_samples(), gradients=notebook_bug.notebook_backprop
    )
    assert not check.passed
    assert check.worst > 0.5
    assert {row[0] for row in check.rows if row[3] > 1e-6} == {f"w2[1,{i}]" for i in range(1, 5)}


def test_the_notebooks_printed_outputs() -> None:
    printed = [0.29681241, 0.83799922, 0.83961019, 0.29549488]
    assert notebook_bug.train_notebook(notebook_bug.wrong_line) == pytest.approx(printed, abs=6e-9)
    mended = [0.0068, 0.9937, 0.9944, 0.0060]
    assert notebook_bug.train_notebook(notebook_bug.right_line) == pytest.approx(mended, abs=5e-5)


def test_gradients_vanish_through_sigmoids_and_not_through_relus() -> None:
    digits = bundled("digits")
    x, y = digits.X[:100], one_hot(digits.y[:100], 10)
    sizes = [64, 30, 30, 30, 30, 30, 10]
    deep = backpropagation.gradient_norms(MLP(sizes, output="softmax"), x, y, "cross-entropy")
    assert deep == sorted(deep)
    assert deep[-1] / deep[0] > 100
    level = backpropagation.gradient_norms(
        MLP(sizes, "relu", output="softmax", init="kaiming"), x, y, "cross-entropy"
    )
    assert max(level) / min(level) < 10


def test_descent_converges_below_the_critical_rate_and_explodes_above() -> None:
    f = line_loss(*line_samples())
    critical = critical_rate(f, [0.0, 0.0])
    x, y = line_samples()
    best = np.polyfit(x, y, 1)
    below = gradient_descent(f, [0.0, 0.0], 0.99 * critical, 2000)
    np.testing.assert_allclose(below.points[-1], best, atol=1e-6)
    assert gradient_descent(f, [0.0, 0.0], 1.01 * critical, 2000).values[-1] > 1e30


def test_hessian_of_a_bowl() -> None:
    np.testing.assert_allclose(hessian(lambda p: p[0] ** 2 + 3 * p[1] ** 2, [1.0, 1.0]), [[2, 0], [0, 6]])


def test_momentum_agrees_with_torch() -> None:
    ours = gradient_descent(lambda p: (p**4).sum(), [1.0, -0.5], 0.05, 20, momentum=0.9)
    p = torch.tensor([1.0, -0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([p], 0.05, momentum=0.9)
    for _ in range(20):
        optimizer.zero_grad()
        (p**4).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(ours.points[-1], p.detach().numpy(), atol=1e-14)


def test_the_same_function_climbs() -> None:
    down = gradient_descent(lambda p: (p**2).sum(), [1.0], 0.1, 10)
    up = gradient_descent(lambda p: -(p**2).sum(), [1.0], 0.1, 10, maximize=True)
    np.testing.assert_array_equal(down.points, up.points)
    climb = climb_example()
    assert (np.diff(climb.path.values) > 0).all()
    assert climb.training.values[-1] < 0.2 * climb.training.values[0]
    np.testing.assert_allclose(climb.heights(climb.path.points), climb.path.values)
    model = MLP([2, 3, 1])
    z = neuron_activation(model, 0, 2)(torch.tensor([1.0, 2.0], dtype=torch.float64))
    assert z == model.trace([[1.0, 2.0]])[0].z[0, 2]
