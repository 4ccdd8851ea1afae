"""Scores of channels and concepts, and attacks."""

from __future__ import annotations

import pytest
import torch
from networks import bend, formula, picture, seeded, wrapped
from torch import Tensor, nn

from deepdream.attribution.attacks import fgsm, pgd
from deepdream.attribution.channels import explain_channels
from deepdream.attribution.concept_activation import concept_vector, explain_concept, scrambled
from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Model
from deepdream.tensors import generator


class Linear(nn.Module):
    """Two linear layers: conductance is weight times change."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).mean(dim=(2, 3)))


def test_conductance_of_a_linear_network_is_weight_times_change() -> None:
    model, image = wrapped(Linear(), 6), picture()
    found = explain_channels(model, image, 1, layer="conv")
    with torch.no_grad():
        change = model.module.conv(image) - model.module.conv(torch.zeros_like(image))
    wanted = model.module.head.weight[1] * change.mean(dim=(0, 2, 3))
    assert torch.allclose(found.scores, wanted.detach(), atol=1e-6)
    assert found.completeness_error < 1e-5
    assert found.top(1)[0][0] == int(wanted.abs().argmax())


@pytest.mark.parametrize("layer", ["first", "pool", "head"])
def test_channels_sum_to_the_rise_of_the_score(layer: str) -> None:
    found = explain_channels(bend(nn.SiLU), picture(16), 1, layer=layer)
    assert float(found.scores.sum()) == pytest.approx(found.score - found.baseline_score, rel=0.02)
    assert found.completeness_error < 0.02


def test_a_layer_that_is_bypassed_says_so() -> None:
    found = explain_channels(bend(nn.SiLU), picture(16), 1, layer="second")
    assert found.notes
    assert found.notes[0].endswith(": part of it does not pass 'second'")


def test_too_few_steps_are_not_called_a_bypass() -> None:
    """What every path passes can miss its sum only because the path was cut too coarsely."""
    found = explain_channels(bend(nn.SiLU), picture(16), 1, layer="first", steps=1)
    assert found.completeness_error > 0.01
    assert "at 1 steps: they are too few, or" in found.notes[0]


def test_an_unknown_layer_is_one_clear_line() -> None:
    with pytest.raises(UnknownNameError, match=r"No layer 'secnd' in small. Did you mean 'second'"):
        explain_channels(bend(), picture(16), 1, layer="secnd")


def test_a_concept_that_the_score_is_made_of_is_found_and_another_is_not() -> None:
    # The score is the red channel of the layer; the examples are red, or of random brightness.
    network = Linear()
    model = wrapped(network, 6)
    with torch.no_grad():
        network.conv.weight.copy_(torch.eye(4, 3)[:, :, None, None])
        network.head.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]))
    noise = [seeded((1, 3, 6, 6), seed) for seed in range(24)]
    tint = torch.tensor([0.6, 0.0, 0.0])[:, None, None]
    red = [(n * torch.tensor([0.4, 0.5, 0.5])[:, None, None]) + tint for n in noise[:12]]
    found = explain_concept(model, picture(), red, noise[12:], 0, concept="red", layer="conv")
    assert found.sensitivity > found.control[0] + found.control[1]
    assert found.positive == 1.0
    assert found.accuracy > 0.9
    dull = explain_concept(model, picture(), red, noise[12:], 2, layer="conv")
    assert dull.sensitivity == 0.0
    assert not dull.significant


def test_a_concept_vector_is_the_direction_between_two_clouds() -> None:
    direction = torch.tensor([0.0, 3.0, 4.0]).double()
    cloud = torch.randn(60, 3, generator=generator(0)).double() * 0.1
    known = torch.tensor([1.0, -1.0]).repeat(30).double()
    vector, accuracy = concept_vector(cloud + known[:, None] * direction, known, generator(1))
    assert vector @ direction / 5 > 0.98
    assert accuracy == 1.0


def test_a_scrambled_picture_keeps_its_mean_and_frequencies() -> None:
    image = 0.4 + 0.2 * picture(16)
    found = scrambled(image, generator(0))
    assert torch.allclose(found.mean(dim=(2, 3)), image.mean(dim=(2, 3)), atol=0.02)
    assert not torch.allclose(found, image, atol=0.05)


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 4 pictures"):
        explain_concept(bend(), picture(16), [picture(16)] * 3)


def test_attacks_stay_near_and_move_the_score() -> None:
    w = torch.randn(3, 6, 6, generator=generator(0))
    model, image = formula(lambda x: (x * w).sum(dim=(1, 2, 3))), 0.25 + 0.5 * picture()
    before = float(model(image)[0, 0])
    for attack in (fgsm, pgd):
        away, toward = attack(model, image, 0), attack(model, image, 0, toward=True)
        assert float(model(away)[0, 0]) < before < float(model(toward)[0, 0])
        assert float((away - image).abs().max()) <= 2 / 255 + 1e-6
        assert not away.requires_grad
    step = image - 2 / 255 * w.sign()
    assert torch.allclose(fgsm(model, image, 0), step, atol=1e-6)


def test_attacks_work_where_logits_are_below_zero(tiny_model: Model) -> None:
    image = 0.25 + 0.5 * picture(64)
    logits = tiny_model(image)[0]
    target = int(logits.argmin())
    assert float(logits[target]) < 0

    def chance(x: torch.Tensor) -> float:
        return float(tiny_model(x)[0].softmax(dim=0)[target].detach())

    for attack in (fgsm, pgd):
        away, toward = attack(tiny_model, image, target), attack(tiny_model, image, target, toward=True)
        assert chance(away) < chance(image) < chance(toward)
