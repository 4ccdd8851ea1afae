"""The loss of a network as a surface, and networks as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepdream.errors import UsageError
from deepdream.lecture.datasets import toy
from deepdream.lecture.mlp import MLP
from deepdream.lecture.saving import load_network, save_network
from deepdream.lecture.surface import descend, network_loss, principal_slice
from deepdream.lecture.training import TrainingSettings


def test_a_path_lies_on_the_surface() -> None:
    table = toy("gauss", n=30)
    path = descend(MLP([2, 3, 1]), table, TrainingSettings(lr=0.5, epochs=6))
    heights = network_loss(MLP([2, 3, 1]), table, "quadratic")
    np.testing.assert_allclose(heights(path.points), path.values)
    assert path.points.shape == (7, 13)


def test_the_principal_slice_is_flat_and_says_what_it_leaves_out() -> None:
    table = toy("circle", n=40)
    paths = [descend(MLP([2, 3, 1], "tanh"), table, TrainingSettings(lr=lr, epochs=10)) for lr in (0.1, 1.0)]
    plane = principal_slice(paths)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    places = np.array([[0.3, -1.0], [2.0, 0.5]])
    np.testing.assert_allclose(plane.flatten(plane.lift(places)), places)
    points = np.vstack([path.points for path in paths])
    left_out = points - plane.lift(plane.flatten(points))
    assert 1 - plane.share == pytest.approx((left_out**2).sum() / ((points - plane.origin) ** 2).sum())


def test_a_saved_network_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    model = MLP([3, 4, 2], "tanh", output="softmax", seed=7)
    save_network(model, tmp_path / "net.json")
    again = load_network(tmp_path / "net.json")
    x = torch.rand(5, 3, dtype=torch.float64)
    assert torch.equal(model(x), again(x))
    assert repr(again) == repr(model)


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", json.dumps({"sizes": [2, 1], "activations": ["tanh"], "layers": []})]
)
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(UsageError, match="is not a network"):
        load_network(tmp_path / "net.json")
    with pytest.raises(UsageError, match="Cannot read"):
        load_network(tmp_path / "none.json")
