"""Trace: the numbers along a dream are those of its pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from deepdream.figures import Theme
from deepdream.images import Picture, read_picture
from deepdream.lessons import trace, trace_dream
from deepdream.lessons.animals import ANIMALS, DOGS, knows_animals, share_of_animals
from deepdream.models import Model, load_model
from deepdream.plan import plan_for

CAT = Path(__file__).parents[2] / "images" / "cat.jpg"
PLAN = plan_for(octaves=2, steps=3, jitter=4, objective="layer(second)", seed=3)


@pytest.fixture
def picture(photo: torch.Tensor) -> Picture:
    return Picture(photo[0].permute(1, 2, 0).contiguous().numpy(), None, "blobs.png", "0" * 64)


def test_one_row_for_the_original_and_one_for_each_step(tiny_model: Model, picture: Picture) -> None:
    told = trace_dream(tiny_model, picture, PLAN, size=None)
    assert told.logits.shape == (7, 5)
    assert told.octave == (0, 1, 1, 1, 2, 2, 2)
    torch.testing.assert_close(told.probabilities.sum(dim=1), torch.ones(7, dtype=torch.float64))
    assert float(told.distance[0]) == 0
    assert float(told.distance[-1]) == pytest.approx(0.09, abs=1e-3)  # the strength that was asked for


def test_first_and_last_row_are_fresh_predictions(tiny_model: Model, picture: Picture) -> None:
    told = trace_dream(tiny_model, picture, PLAN, size=None)
    for row, image in (
        (0, picture.tensor()),
        (-1, torch.from_numpy(told.dreamed.pixels).permute(2, 0, 1)[None]),
    ):
        fresh = {i: p for i, _, p in tiny_model.classify(image, top=5)[0]}
        assert told.probabilities[row].tolist() == pytest.approx([fresh[i] for i in range(5)], abs=1e-6)


def test_the_saved_picture_is_predicted_the_same(tiny_model: Model, picture: Picture, tmp_path: Path) -> None:
    told = trace_dream(tiny_model, picture, PLAN, size=None)
    told.dreamed.save(tmp_path / "dream.png", bits=16)
    with torch.no_grad():
        logits = tiny_model(tiny_model.crop(read_picture(tmp_path / "dream.png").tensor()))[0]
    torch.testing.assert_close(logits.double(), told.logits[-1], atol=1e-4, rtol=1e-4)


def test_activation_and_channels_are_measured_on_the_whole_picture(
    tiny_model: Model, picture: Picture
) -> None:
    told = trace_dream(tiny_model, picture, PLAN, size=None)
    with torch.no_grad():
        layer = tiny_model.activations(picture.tensor(), ["second"])["second"][0].double()
    assert float(told.activation[0]) == pytest.approx(float(layer.square().mean()), rel=1e-5)
    torch.testing.assert_close(told.channels[0], layer.mean(dim=(1, 2)), rtol=1e-5, atol=1e-6)
    change = (told.channels[1] - told.channels[0]).abs()
    assert told.changed_channels(2)[0] == int(change.argmax())


def test_tracing_changes_nothing_of_the_dream(tiny_model: Model, picture: Picture) -> None:
    from deepdream.dreaming import render

    told = trace_dream(tiny_model, picture, PLAN, size=None)
    assert (render(tiny_model, picture, PLAN).pixels == told.dreamed.pixels).all()


def test_the_exhibit_says_what_it_shows(tiny_model: Model, picture: Picture) -> None:
    exhibit = trace(tiny_model, picture, PLAN, size=None, decided_by="A. Person")
    still, moving = exhibit.figures(Theme.DARK)
    assert "after every step" in still.caption
    assert still.alt.startswith("Before the dream")
    assert sum(1 for _ in moving.frames()) == 7
    document = json.loads(json.dumps(exhibit.to_dict(), allow_nan=False))
    assert len(document["rows"]) == 7
    assert document["record"]["decided_by"] == "A. Person"
    assert document["record"]["picture"] == {"name": "blobs.png", "sha256": "0" * 64}
    assert "not ImageNet's" in exhibit.answer


@pytest.mark.weights
def test_the_animals_are_those_of_imagenet() -> None:
    model = load_model()
    assert knows_animals(model)
    assert len(ANIMALS) == 398
    assert len(DOGS) == 118
    even = share_of_animals(torch.full((1000,), 1e-3, dtype=torch.float64))
    assert (even.animals, even.dogs) == (pytest.approx(0.398), pytest.approx(0.118))
    assert model.label(268) == "Mexican hairless"
    cat = torch.zeros(1000)
    cat[model.find_class("tabby")] = 1
    assert share_of_animals(cat).to_dict() == {"animals": 1.0, "dogs": 0.0}


def test_other_classes_are_not_counted_as_animals(tiny_model: Model) -> None:
    assert not knows_animals(tiny_model)
