"""The checks on the embedded network and a photograph: what is known of it must come out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from deepdream.attribution.checks import (
    GAUSSIAN,
    CheckContext,
    NotApplicable,
    checked,
    explained,
    map_under_test,
)
from deepdream.attribution.checks.removal import deletion, insertion
from deepdream.attribution.question import Question
from deepdream.images import read_picture
from deepdream.models import load_model

pytestmark = pytest.mark.weights
COFFEE = Path(__file__).parents[3] / "images" / "coffee.jpg"


@pytest.fixture(scope="module")
def context() -> CheckContext:
    model = load_model(device="cpu")
    image = model.crop(read_picture(COFFEE).tensor())
    return CheckContext(model, image, Question(model.find_class("espresso")), steps=4)


def test_the_centered_blob_is_far_above_chance_in_a_centered_photograph(context: CheckContext) -> None:
    """Why no number may stand alone: things are photographed in the middle."""
    found = context.measured("insertion", insertion)
    random = [m.values["blur"] for name, m in found.items() if name.startswith("random")]
    assert found[GAUSSIAN].values["blur"] > max(random) + 0.1


@pytest.mark.slow
def test_grad_cam_stands_at_insertion_and_the_network_is_untouched(context: CheckContext) -> None:
    network = context.model.module
    before = {name: value.clone() for name, value in network.state_dict().items()}
    (made,) = explained(context, ["grad-cam"])
    assert not isinstance(made, NotApplicable)
    found = {
        f.check: f
        for f in checked(context, [map_under_test(made)], ["insertion", "random-logit", "randomization"])
    }
    assert found["insertion"].supports is True
    assert found["randomization"].values["spearman"] < 0.9
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in network.modules())


def test_curves_run_between_the_same_two_pictures(context: CheckContext) -> None:
    down, up = (
        context.measured(name, f)["random 1"]
        for name, f in (("deletion", deletion), ("insertion", insertion))
    )
    for substrate in ("blur", "mean"):
        assert down.curves[substrate][0] == pytest.approx(context.probability)
        assert up.curves[substrate][-1] == pytest.approx(context.probability)
        assert down.curves[substrate][-1] == up.curves[substrate][0] < 0.2
