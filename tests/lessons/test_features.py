"""Hierarchy, unit, reason and the page: structure, and numbers with an outside witness."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepdream.attribution.channels import explain_channels
from deepdream.errors import UnknownNameError, UsageError
from deepdream.images import Picture
from deepdream.lessons import (
    accountability,
    audit,
    find_reason,
    hierarchy,
    lessons_page,
    portray,
    reason,
    unit,
)
from deepdream.lessons.features import heat, picture_channels
from deepdream.lessons.reasons import reason_objective
from deepdream.lessons.stages import chosen_layers, strongest_channels
from deepdream.lessons.units import fed_classes, parse_unit
from deepdream.models import Model, load_model


@pytest.fixture
def blobs(photo: torch.Tensor) -> Picture:
    return Picture(photo[0].permute(1, 2, 0).contiguous().numpy(), None, "blobs.png", "0" * 64)


def test_the_hierarchy_goes_from_early_to_late(tiny_model: Model, blobs: Picture) -> None:
    exhibit = hierarchy(tiny_model, blobs, ["second", "first"], size="64")
    stages = exhibit.numbers["stages"]
    assert [stage["layer"] for stage in stages] == ["first", "second"]
    assert [stage["receptive_field"] for stage in stages] == [3, 7]
    assert all(len(set(stage["channels"])) == 2 for stage in stages)
    (figure,) = exhibit.figures()
    assert len(figure.canvas.axes) == 12
    assert "analogy" in figure.caption
    assert np.isfinite(figure.pixels()).all()


def test_layers_are_chosen_by_the_network_or_by_name(tiny_model: Model) -> None:
    assert [layer.name for layer in chosen_layers(tiny_model)] == ["first", "second"]
    with pytest.raises(UnknownNameError, match="Did you mean 'second'"):
        chosen_layers(tiny_model, ["secnd"])
    with pytest.raises(UsageError, match="no map of positions"):
        chosen_layers(tiny_model, ["head"])


@pytest.mark.weights
def test_five_layers_of_the_embedded_network() -> None:
    names = [layer.name for layer in chosen_layers(load_model())]
    assert names == ["conv_stem", "blocks.1", "blocks.3", "blocks.5", "conv_head"]


def test_a_channel_that_stands_out_is_named_first() -> None:
    activation = torch.rand(4, 6, 6, generator=torch.Generator().manual_seed(0))
    activation[2, 3, 3] = 50
    activation[1] = 40  # high everywhere, as in every picture
    assert strongest_channels(activation)[0] == 2


def test_a_feature_excites_its_channel_and_the_opposite_silences_it(tiny_model: Model) -> None:
    high, low = picture_channels(tiny_model, "second", [3, 3], signs=[1, -1], side=64, steps=24)
    means = [
        float(
            tiny_model.activations(torch.from_numpy(p).permute(2, 0, 1)[None], ["second"])["second"][
                0, 3
            ].mean()
        )
        for p in (high, low)
    ]
    assert means[0] > means[1]
    assert high.shape == (64, 64, 3)


def test_heat_lights_what_fires() -> None:
    lit = heat(np.ones((8, 8, 3), np.float32), torch.tensor([[0.0, 0.0], [0.0, 4.0]]))
    assert lit[7, 7, 0] == pytest.approx(1)
    assert lit[0, 0, 0] == pytest.approx(0.25)


def test_the_classes_a_unit_feeds_are_those_of_autograd(tiny_model: Model, blobs: Picture) -> None:
    image, channel = tiny_model.crop(blobs.tensor()), 4
    found = fed_classes(tiny_model, [image], tiny_model.layer("second"), channel)
    activation = tiny_model.activations(image, ["second"])["second"].detach().requires_grad_()
    head = tiny_model.module.head
    logits = head(activation.relu().mean((2, 3)))[0]
    spread = float(activation[0, channel].detach().std(correction=0))
    wanted = [
        float(torch.autograd.grad(z, activation, retain_graph=True)[0][0, channel].sum()) * spread
        for z in logits
    ]
    # A nudge of a twentieth of a deviation may carry a few positions over the ReLU's corner.
    assert found.tolist() == pytest.approx(wanted, rel=0.1, abs=1e-5)


def test_a_unit_is_portrayed_from_three_sides(tiny_model: Model, blobs: Picture) -> None:
    found = portray(tiny_model, "second:4", [blobs])
    peak = float(found.crops[0].value)
    assert peak == pytest.approx(max(found.peaks))
    assert found.crops[0].pixels.shape == (7, 7, 3)  # the receptive field
    assert [crop.value for crop in found.crops] == sorted((c.value for c in found.crops), reverse=True)
    exhibit = unit(tiny_model, "second:4", [blobs])
    assert "Doubt it" in exhibit.answer
    assert len(exhibit.to_dict()["feeds"]) == 5
    assert np.isfinite(exhibit.figures()[0].pixels()).all()


@pytest.mark.parametrize("text", ["blocks.4", ":", "a:b", "a:-1", "a:1.5", "a:"])
def test_a_unit_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="LAYER:CHANNEL"):
        parse_unit(text)
    assert parse_unit("a:b:3") == ("a:b", 3)


def test_what_is_no_unit_is_refused(tiny_model: Model, blobs: Picture) -> None:
    for text, words in (("second:12", "channels 0 to 11"), ("head:0", "no map of positions")):
        with pytest.raises(UsageError, match=words):
            unit(tiny_model, text, [blobs])
    with pytest.raises(UsageError, match="at least one"):
        unit(tiny_model, "second:1", [])


def test_the_reasons_channels_sum_to_the_rise(tiny_model: Model, blobs: Picture) -> None:
    found = find_reason(tiny_model, blobs, layer="second")
    with torch.no_grad():
        image = tiny_model.crop(blobs.tensor())
        target = int(tiny_model(image)[0].argmax())
        rise = float(tiny_model(image)[0, target] - tiny_model(torch.zeros_like(image))[0, target])
    assert found.rise == pytest.approx(rise, abs=1e-5)
    assert float(found.conductance.scores.sum()) == pytest.approx(rise, rel=0.01)
    assert len(found.features) == len(found.chosen)
    assert 0 <= found.recognized <= 1


def test_the_dreamed_reason_climbs_the_channels_by_their_shares(tiny_model: Model, blobs: Picture) -> None:
    found = explain_channels(tiny_model, tiny_model.crop(blobs.tensor()), layer="second", steps=10)
    best = found.scores.topk(2).indices.tolist()
    shares = found.scores[best] / found.scores[best].sum()
    if float(found.scores[best].min()) > 0:
        expected = " + ".join(
            f"{s:.4f}*channel(second, {c})" for s, c in zip(shares.tolist(), best, strict=True)
        )
        assert reason_objective(found, best) == expected
    assert reason_objective(found, []) == "layer(second)"


def test_two_networks_side_by_side_leave_both_as_they_were(tiny_model: Model, blobs: Picture) -> None:
    before = {name: value.clone() for name, value in tiny_model.module.state_dict().items()}
    exhibit = reason([tiny_model, tiny_model], blobs, layer="second")
    assert len(exhibit.numbers["networks"]) == 2
    assert len(exhibit.figures()[0].canvas.axes) == 30  # three rows of five for each
    after = tiny_model.module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(part._forward_hooks for part in tiny_model.module.modules())


def test_the_page_has_a_section_for_every_lesson_and_its_record(
    tiny_model: Model, blobs: Picture, tmp_path: Path
) -> None:
    exhibits = [accountability(), unit(tiny_model, "second:4", [blobs])]
    text = lessons_page(tiny_model, blobs, exhibits, decided_by="A. <Person>")
    for part in ('id="accountability"', 'id="unit"', "To say, and to doubt", "loads nothing"):
        assert part in text
    assert "http" not in text.partition("<script type")[0].replace("http-equiv", "")
    (tmp_path / "lessons.html").write_text(text)
    found = audit(tmp_path / "lessons.html")
    assert found.known["decided by"] == "A. <Person>"
    assert found.known["network"] == "tiny"
    json.dumps(found.to_dict(), allow_nan=False)
