"""Numbers that others printed or measured, from our own code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier

from deepdream.lecture import backpropagation, notebook_bug
from deepdream.lecture.classifier import NIELSEN, NetworkClassifier
from deepdream.lecture.counting import count_parameters
from deepdream.lecture.datasets import bundled, one_hot
from deepdream.lecture.descent import gradient_descent
from deepdream.lecture.mlp import MLP
from deepdream.lecture.perceptron import Perceptron
from deepdream.lecture.training import TrainingSettings


def test_the_readme_of_micrograd() -> None:
    """Karpathy 2020: the value of g and its slopes; a step of rate 1 upward is the gradient."""

    def g(ab: torch.Tensor) -> torch.Tensor:
        a, b = ab
        c, d = a + b, a * b + b**3
        c = c + c + 1
        c = c + 1 + c - a
        d = d + d * 2 + (b + a).relu()
        d = d + 3 * d + (b - a).relu()
        e = c - d
        f = e**2
        return f / 2 + 10 / f

    path = gradient_descent(g, [-4.0, 2.0], lr=1.0, steps=1, maximize=True)
    assert path.values[0] == pytest.approx(24.7041, abs=5e-5)
    np.testing.assert_allclose(path.points[1] - path.points[0], [138.8338, 645.5773], atol=5e-5)


def test_tiny_vgg() -> None:
    """Wang et al. 2020, "CNN Explainer": 64 x 64 pictures, ten classes."""
    nn = torch.nn
    blocks = [
        layer
        for n_in in (3, 10)
        for layer in (nn.Conv2d(n_in, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.ReLU(), nn.MaxPool2d(2))
    ]
    model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(10 * 13 * 13, 10))
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
    assert count_parameters(model).total == 19_920


def test_the_gradients_of_a_saturated_network() -> None:
    digits = bundled("digits")
    model = MLP([64, 30, 10], init="normal")
    check = backpropagation.check_gradients(model, digits.X[:10], one_hot(digits.y[:10], 10))
    large = [error for _, formula, _, error in check.rows if abs(formula) > 1e-6]
    assert max(large) < 1.8e-6  # smaller gradients leave few digits to compare
    assert max(abs(formula - difference) for _, formula, difference, _ in check.rows) < 1e-9
    assert len(check.rows) == 2260


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        (notebook_bug.wrong_line, [0.391, 0.666, 0.675, 0.383]),
        (notebook_bug.right_line, [0.083, 0.920, 0.925, 0.071]),
    ],
)
def test_the_notebook_with_five_neurons_and_a_cube(line: backpropagation.Line, printed: list[float]) -> None:
    assert notebook_bug.train_notebook(line, hidden=5, power=3) == pytest.approx(printed, abs=6e-4)


@torch.no_grad()
def test_our_backpropagation_ends_where_the_notebooks_one_layer_does() -> None:
    model = MLP([3, 1], init="zeros")
    model.linear[0].weight.copy_(torch.tensor(2 * np.random.RandomState(302).random_sample((3, 1)) - 1).T)
    x, y = notebook_bug.notebook_samples()
    for _ in range(5999):  # the notebook prints what it computed before its last step
        backpropagation.take_step(
            model, backpropagation.backprop(model, x, y), lr=4.0, bias_lr=0.0
        )  # it sums over 4 samples
    printed = [0.01254551, 0.98977455, 0.99169035, 0.0101995]
    assert model(x)[:, 0].tolist() == pytest.approx(printed, abs=1e-7)


@pytest.mark.parametrize(
    ("activation", "spread", "measured"),
    [
        ("sigmoid", 1.0, [0.00307, 0.0087, 0.0406, 0.225, 0.87, 3.59]),  # 1 / sqrt(n)
        ("relu", 2.0, [1.02, 0.85, 1.27, 1.83, 2.43, 2.52]),  # He: sqrt(2 / n)
    ],
)
def test_gradients_vanish_as_measured_elsewhere(
    activation: str, spread: float, measured: list[float]
) -> None:
    """The lesson's settings: sigmoid outputs, binary cross-entropy, biases 0; weights from numpy, seed 0."""
    model, random = MLP([64, *[30] * 5, 10], activation, init="zeros"), np.random.default_rng(0)
    with torch.no_grad():
        for layer in model.linear:
            drawn = random.normal(size=tuple(layer.weight.shape)) * np.sqrt(spread / layer.in_features)
            layer.weight.copy_(torch.as_tensor(drawn))
    digits = bundled("digits")
    x, y = digits.X[:100], one_hot(digits.y[:100], 10)
    assert backpropagation.gradient_norms(model, x, y, "binary-cross-entropy") == pytest.approx(
        measured, rel=0.005
    )


def held_out(model: Any, seed: int) -> float:
    digits = bundled("digits")
    X, X_test, y, y_test = train_test_split(
        digits.X, digits.y, test_size=0.25, stratify=digits.y, random_state=seed
    )
    return float(model.fit(X, y).score(X_test, y_test))


@pytest.mark.slow
def test_nielsens_first_chapter_on_small_digits() -> None:
    scores = [held_out(NetworkClassifier(settings=NIELSEN, seed=seed), seed) for seed in range(5)]
    assert np.mean(scores) == pytest.approx(0.9716, abs=0.02)
    assert min(scores) >= 0.95


@pytest.mark.slow
def test_a_start_from_wide_weights_can_lose_a_digit_and_cross_entropy_finds_it() -> None:
    """An output that starts saturated at 0 is right for nine digits of ten, and its slope a(1-a) is dead."""
    settings = TrainingSettings(lr=3.0, momentum=0.0, batch_size=10, epochs=30)
    digits = bundled("digits")
    lost = NetworkClassifier(init="normal", settings=settings)
    assert held_out(lost, 0) == pytest.approx(0.87, abs=0.02)
    assert len(set(lost.predict(digits.X).tolist())) == 9
    alive = TrainingSettings("binary-cross-entropy", lr=0.5, momentum=0.0, batch_size=10, epochs=30)
    assert held_out(NetworkClassifier(init="normal", settings=alive), 0) >= 0.95


_SOFTMAX = TrainingSettings("cross-entropy", lr=0.1, momentum=0.9, batch_size=32, epochs=30)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "measured"),
    [
        (OneVsRestClassifier(Perceptron(max_epochs=50)), 0.945),
        (LogisticRegression(max_iter=2000), 0.967),
        (NetworkClassifier((30,), output="softmax", settings=_SOFTMAX), 0.972),
        (NetworkClassifier((100,), "relu", output="softmax", init="kaiming", settings=_SOFTMAX), 0.980),
        (NetworkClassifier((100,), "identity", output="softmax", init="xavier", settings=_SOFTMAX), 0.968),
    ],
    ids=["perceptron", "logistic", "mlp-30", "mlp-100", "identity"],
)
def test_digits_held_out(model: Any, measured: float) -> None:
    assert np.mean([held_out(model, seed) for seed in range(2)]) == pytest.approx(measured, abs=0.02)
