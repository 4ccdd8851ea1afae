"""Control of the effect: what must not change does not, and the dream ends as far away as was asked."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from deepdream.dreaming import control, dream, start
from deepdream.dreaming.control import allowed, at_distance, distances, result
from deepdream.dreaming.distance import structural_similarity
from deepdream.dreaming.result import full_size
from deepdream.errors import UsageError
from deepdream.images import write_picture
from deepdream.models import Model
from deepdream.plan import Plan, parse_stop, plan_for
from deepdream.tensors import generator, root_mean_square

SHORT = {"objective": "layer(second)", "steps": 6, "octaves": 2}
LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def luma(image: Tensor) -> Tensor:
    return (image * LUMA).sum(dim=1, keepdim=True)


def chroma(image: Tensor) -> Tensor:
    """Cb and Cr of Rec. 601."""
    blue, red = image[:, 2:] - luma(image), image[:, :1] - luma(image)
    return torch.cat((blue / 1.772, red / 1.402), dim=1)


def dreamed(model: Model, image: Tensor, **settings: object) -> Tensor:
    plan = plan_for("balanced", **{**SHORT, **settings})
    return full_size(list(dream(model, plan, image))[-1].state)


@pytest.fixture
def gentle(photo: Tensor) -> Tensor:
    """Far from black and white, so that nothing is clipped."""
    return 0.35 + 0.3 * torch.nn.functional.interpolate(photo, (64, 80), mode="bilinear")


@pytest.mark.parametrize("preset", ["balanced", "classic", "natural"])
def test_kept_luminance_and_kept_color_stay(preset: str, tiny_model: Model, gentle: Tensor) -> None:
    for keep, seen, other in (("luminance", luma, chroma), ("color", chroma, luma)):
        plan = plan_for(preset, **SHORT, keep=keep, strength=0.04)
        out = list(dream(tiny_model, plan, gentle))[-1].image
        assert float((seen(out) - seen(gentle)).abs().max()) < 2e-3
        assert root_mean_square(other(out) - other(gentle)) > 0.005
        assert root_mean_square(out - gentle) == pytest.approx(0.04, abs=2e-3)


def test_a_change_is_the_sum_of_its_two_parts() -> None:
    change = torch.randn(1, 3, 5, 6, generator=generator(0))
    torch.testing.assert_close(allowed(change, "luminance") + allowed(change, "color"), change)
    assert allowed(change, "nothing") is change


def test_blending_is_the_share_of_the_whole_dream(tiny_model: Model, gentle: Tensor) -> None:
    whole, part = (dreamed(tiny_model, gentle, blend=blend) for blend in (1.0, 0.25))
    torch.testing.assert_close(part, gentle + 0.25 * (whole - gentle), atol=1e-6, rtol=0)
    torch.testing.assert_close(dreamed(tiny_model, gentle, blend=0.0), gentle, atol=0, rtol=0)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """The left half of a picture of another size."""
    pixels = np.zeros((30, 50, 3), np.float32)
    pixels[:, :25] = 1
    write_picture(tmp_path / "left.png", pixels)
    return tmp_path / "left.png"


@pytest.mark.parametrize("preset", ["balanced", "classic", "natural"])
def test_nothing_changes_outside_the_mask(preset: str, mask: Path, tiny_model: Model, gentle: Tensor) -> None:
    plan = plan_for(preset, **SHORT, mask=str(mask), strength=0.05)
    steps = list(dream(tiny_model, plan, gentle))
    change = steps[-1].image - gentle
    assert float(change[..., 44:].abs().max()) == 0
    assert root_mean_square(change[..., :36]) == pytest.approx(
        0.05, rel=0.1
    )  # the strength is that of the place
    assert steps[-1].state.plan.mask.startswith("left.png#")
    other = list(dream(tiny_model, replace(plan, mask_outside=True), gentle))[-1].image - gentle
    assert float(other[..., :36].abs().max()) == 0
    assert float(other[..., 44:].abs().max()) > 0.01


def test_a_feathered_mask_has_no_edge(mask: Path, tiny_model: Model, gentle: Tensor) -> None:
    hard, soft = (
        start(tiny_model, plan_for("balanced", **SHORT, mask=str(mask), feather=feather), gentle).mask
        for feather in (0, 20)
    )
    assert hard is not None
    assert soft is not None
    assert float(soft.diff(dim=3).abs().max()) < 0.1 < float(hard.diff(dim=3).abs().max())
    assert float(soft[..., 0].min()) > 0.98
    # A Gaussian of sigma 10 from the middle: the closed form of its integral.
    for column in (30, 35, 45, 50):
        expected = 0.5 * (1 - math.erf((column + 0.5 - 40) / (10 * math.sqrt(2))))
        assert float(soft[0, 0, 30, column]) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("preset", ["balanced", "classic", "natural"])
@pytest.mark.parametrize("stop", ["ssim=0.9", "ssim=0.7", "l2=0.03"])
def test_the_dream_stops_at_the_distance(preset: str, stop: str, tiny_model: Model, gentle: Tensor) -> None:
    out = list(dream(tiny_model, plan_for(preset, **SHORT, stop_at=stop), gentle))[-1].image
    name, value = parse_stop(stop)
    found = structural_similarity(gentle, out) if name == "ssim" else root_mean_square(out - gentle)
    assert found == pytest.approx(value, abs=2e-3)


def test_steps_beyond_the_distance_are_not_made(tiny_model: Model, gentle: Tensor) -> None:
    plan = plan_for("classic", objective="layer(second)", octaves=1, steps=50, stop_at="l2=0.03")
    steps = list(dream(tiny_model, plan, gentle))
    assert len(steps) < 40
    assert steps[-1].last


def test_a_strength_is_the_same_for_every_network_and_layer(tiny_model: Model, gentle: Tensor) -> None:
    other = Model.wrap(
        torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.Tanh(), torch.nn.Flatten()),
        name="other",
        input_size=40,
    )
    for model, name in ((tiny_model, "first"), (tiny_model, "second"), (other, "0"), (other, "1")):
        plan = plan_for(objective=f"100*layer({name})", steps=4, octaves=2, strength=0.05)
        out = list(dream(model, plan, gentle))[-1].image
        assert root_mean_square(out - gentle) == pytest.approx(0.05, abs=1e-3)


@pytest.mark.parametrize("preset", ["balanced", "classic"])
def test_the_exact_distance_is_found_band_by_band_as_well(
    preset: str, mask: Path, tiny_model: Model, gentle: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(preset, **SHORT, mask=str(mask), strength=0.05)
    state = list(dream(tiny_model, plan, gentle))[-1].state
    whole = at_distance(state, 0.02)
    monkeypatch.setattr(control, "_BAND", 80 * 7)
    bands = at_distance(state, 0.02)
    assert distances(bands) == pytest.approx([0.02], abs=1e-4)
    torch.testing.assert_close(result(bands), result(whole), atol=1e-4, rtol=0)


@pytest.mark.parametrize("text", ["ssim", "ssim=2", "l2=-1", "mse=0.1", "l2=nan", "=", "l2=0.1.2"])
def test_a_distance_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="Cannot read the distance"):
        Plan(stop_at=text)


def test_a_strength_and_a_distance_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="not both"):
        plan_for(strength=0.1, stop_at="l2=0.1")
    assert plan_for(stop_at="l2=0.1").strength is None
