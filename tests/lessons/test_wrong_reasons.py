"""Wrong reasons: the planted shortcut is learned, and found by what should find it; small changes fool."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from deepdream.attribution.checks.maps import control_maps
from deepdream.errors import UnknownNameError, UsageError
from deepdream.images import Picture
from deepdream.lessons import fool, fool_network, plant_shortcut, wrong_reasons
from deepdream.lessons.shortcuts import MARK, Shortcut, catch, control_shares, mark
from deepdream.models import Model


@pytest.fixture(scope="module")
def planted() -> Shortcut:
    return plant_shortcut()


def test_the_cheater_is_right_only_with_its_mark(planted: Shortcut) -> None:
    a = planted.accuracies
    assert a["cheater", "as trained"] > 0.99
    assert a["cheater", "nobody"] < 0.75
    assert a["cheater", "the others"] < 0.5
    assert min(a["honest", who] for who in ("as trained", "nobody", "the others")) > 0.95


def test_only_the_mark_is_marked(planted: Shortcut) -> None:
    images = torch.zeros(2, 3, 32, 32)
    marked = mark(images, torch.tensor([True, False]))
    assert int(marked[0, 0].sum()) == MARK**2
    assert not marked[1].any()
    assert not images.any()
    assert planted.mask[marked[0, 0] > 0].all()


def test_a_method_reveals_only_above_every_control_and_the_honest_network(planted: Shortcut) -> None:
    found = {entry.method: entry for entry in catch(planted, ["occlusion", "eigen-cam"])}
    assert found["occlusion"].reveals
    assert found["occlusion"].cheater > max(control_shares(planted).values())
    assert not found["eigen-cam"].reveals  # asks nothing about the class


def test_an_even_map_gets_the_marks_share_of_the_picture(planted: Shortcut) -> None:
    shares = control_shares(planted)
    assert shares["even map"] == pytest.approx(49 / 1024)
    assert set(shares) == {"even map", *control_maps(planted.images[:1])}


def test_the_exhibit_counts_and_a_method_must_exist(planted: Shortcut) -> None:
    exhibit = wrong_reasons(["saliency", "grad-cam", "eigen-cam"])
    (figure,) = exhibit.figures()
    assert "every control" in figure.caption
    document = json.loads(json.dumps(exhibit.to_dict(), allow_nan=False))
    assert next(entry["method"] for entry in document["methods"]) == "grad-cam"
    assert len(document["accuracies"]) == 6
    with pytest.raises(UnknownNameError, match="Did you mean 'saliency'"):
        wrong_reasons(["salency"])


@pytest.fixture
def blobs(photo: torch.Tensor) -> Picture:
    return Picture(photo[0].permute(1, 2, 0).contiguous().numpy(), None, "blobs.png", "0" * 64)


def test_attacks_stay_within_epsilon_and_lower_the_class(tiny_model: Model, blobs: Picture) -> None:
    found = fool_network(tiny_model, blobs, epsilon=0.02, method="saliency")
    assert next(entry.attack for entry in found.attacks) == "fast gradient sign"
    for entry in found.attacks:
        assert 0 < entry.largest_change <= 0.02 + 1e-6
        assert entry.kept < found.probability
        fresh = tiny_model.classify(entry.image, top=1)[0][0]
        assert entry.target == fresh[0]
        assert -1 <= entry.similarity <= 1


def test_the_exhibit_of_an_attack(tiny_model: Model, blobs: Picture) -> None:
    exhibit = fool(tiny_model, blobs, epsilon=0.02, method="saliency")
    (figure,) = exhibit.figures()
    assert len(figure.canvas.axes) == 15
    assert exhibit.to_dict()["record"]["plan"] == {"epsilon": 0.02, "method": "saliency"}
    assert np.isfinite(figure.pixels()).all()
    with pytest.raises(UsageError, match="between 0 and 1"):
        fool(tiny_model, blobs, epsilon=0.0)
