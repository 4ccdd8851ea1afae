"""The default preset on the embedded network: no grid, no hiss, no neon, no burnt sky."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from deepdream.dreaming import dream, measure, render
from deepdream.images import read_picture
from deepdream.models import load_model
from deepdream.plan import Plan
from deepdream.tensors import root_mean_square

IMAGES = Path(__file__).parents[2] / "images"

pytestmark = pytest.mark.weights


def check(name: str, size: str | None) -> None:
    dreamed = render(load_model(device="cpu"), read_picture(IMAGES / name), Plan(), size=size)
    found = dreamed.measures
    assert found.checkerboard < 1.5
    assert found.high_frequency_share < 0.06
    assert 0.2 <= found.chroma_share <= 0.35
    assert found.newly_clipped < 0.05
    assert found.strength == pytest.approx(0.09, abs=1e-3)
    assert found.warnings() == []


def test_the_default_is_good_on_a_small_cat() -> None:
    check("cat.jpg", "320")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["cat.jpg", "pagoda.jpg", "coffee.jpg", "dahlia.jpg", "astronaut.jpg", "rocket.jpg"]
)
def test_the_default_is_good_on_the_shipped_pictures(name: str) -> None:
    check(name, None)


def test_strength_is_reached_by_the_embedded_network() -> None:
    picture = read_picture(IMAGES / "pagoda.jpg").tensor()[:, :, 100:196, 200:328]
    plan = Plan(steps=4, octaves=2, strength=0.05, objective="layer(blocks.3)")
    (*_, last) = dream(load_model(device="cpu"), plan, picture)
    assert root_mean_square(last.image - picture) == pytest.approx(0.05, abs=1e-3)


def test_the_default_has_less_hiss_than_the_raw_gradient() -> None:
    model, picture = (
        load_model(device="cpu"),
        read_picture(IMAGES / "cat.jpg").tensor()[:, :, 40:200, 100:260],
    )
    shares = {}
    for smoothing in ("cascade", "none"):
        plan = Plan(smoothing=smoothing, steps=4, octaves=2)
        (*_, last) = dream(model, plan, picture)
        shares[smoothing] = measure(picture, last.image.to(torch.float32)).high_frequency_share
    assert shares["cascade"] < 0.5 * shares["none"]
