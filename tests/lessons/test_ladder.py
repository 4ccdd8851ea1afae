"""Ladder: every gradient is the right one, and following it raises the score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepdream.images import Picture
from deepdream.lecture.classifier import NIELSEN
from deepdream.lecture.datasets import bundled, one_hot
from deepdream.lecture.mlp import MLP
from deepdream.lecture.perceptron import Perceptron
from deepdream.lecture.training import fit
from deepdream.lessons import ladder
from deepdream.lessons.rungs import DIGITS, SHOWN, Rung, climb, climb_ladder
from deepdream.lessons.small_networks import SmallCNN, accuracy, train_small
from deepdream.models import Model

NAMES = ("perceptron", "multilayer perceptron", "small CNN", "tiny", "DeepDream", "training")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 0.9, (80, 70, 3)).astype(np.float32)


@pytest.fixture
def rungs(tiny_model: Model, pixels: np.ndarray) -> tuple[Rung, ...]:
    return climb_ladder(tiny_model, Picture(pixels, None, "noise.png", "0" * 64))


def test_the_ladder_rises_and_every_gradient_is_right(rungs: tuple[Rung, ...]) -> None:
    assert tuple(rung.name.partition(":")[0] for rung in rungs) == NAMES
    for rung in rungs:
        assert rung.error < 1e-5, rung.name
        assert rung.climbed_score > rung.score, rung.name
        assert rung.gradient.shape == rung.x.shape == rung.climbed.shape
    assert [rung.directions for rung in rungs] == [64, 64, 64, 4, 4, 64]


def test_the_perceptrons_gradient_is_its_weights_and_theirs_is_the_input(rungs: tuple[Rung, ...]) -> None:
    table = bundled("digits")
    both = np.isin(table.y, DIGITS)
    line = Perceptron(max_epochs=200).fit(table.X[both], table.y[both])
    assert rungs[0].gradient.flatten().tolist() == line.weights_.tolist()
    assert rungs[-1].x.flatten().tolist() == line.weights_.tolist()
    torch.testing.assert_close(rungs[-1].gradient, rungs[0].x, rtol=0, atol=0)


def test_the_mlps_gradient_is_the_formula(rungs: tuple[Rung, ...]) -> None:
    table = bundled("digits")
    network = MLP([64, 30, 10])
    fit(network, table.X, one_hot(table.y, 10), replace(NIELSEN, epochs=10))
    first, second = network.linear
    hidden = network.trace(rungs[1].x.reshape(1, 64))[0].a[0]
    formula = first.weight.T @ (hidden * (1 - hidden) * second.weight[SHOWN])
    torch.testing.assert_close(rungs[1].gradient.flatten(), formula.detach(), rtol=1e-9, atol=1e-12)


def test_a_wrong_gradient_would_be_found() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return (x**2).sum()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * torch.ones(3, dtype=torch.float64)

    assert climb("", "", Wrong.apply, torch.tensor([1.0, 2, 3]), "", every_axis=True).error > 1


def test_the_small_network_learns_the_same_from_the_same_seed() -> None:
    table = bundled("digits")
    images, y = torch.from_numpy(table.X).view(-1, 1, 8, 8).float(), torch.from_numpy(table.y)
    one, two = (train_small(SmallCNN(1, 8, 10, seed=4), images, y) for _ in range(2))
    assert accuracy(one, images, y) > 0.97
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not any(p.requires_grad for p in one.parameters())


def test_the_exhibit_says_what_it_shows(tiny_model: Model, pixels: np.ndarray) -> None:
    exhibit = ladder(tiny_model, Picture(pixels, None, "noise.png", "0" * 64))
    (figure,) = exhibit.figures()
    assert "same operation" in figure.caption
    assert len(figure.canvas.axes) == 18
    assert len(exhibit.to_dict()["rungs"]) == 6
    assert exhibit.to_dict()["record"]["seed"] == 0
