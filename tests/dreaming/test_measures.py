"""Measures against closed forms, and their words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deepdream.dreaming import Measures, measure

GRAY = torch.full((1, 3, 128, 128), 0.5)
GOOD = Measures(0.09, 0.01, 1.0, 0.25, 0.0)


def noise(seed: int, side: int = 256) -> Tensor:
    return 0.05 * torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def wave(cycles_per_pixel: float, side: int = 128, *, down: bool = False) -> Tensor:
    line = torch.cos(2 * math.pi * cycles_per_pixel * torch.arange(side, dtype=torch.float64))
    both = line[:, None] if down else line[None, :]
    return 0.1 * both.expand(1, 3, side, side)


def test_strength_is_the_root_mean_square_of_the_change() -> None:
    assert measure(GRAY, GRAY + 0.1).strength == pytest.approx(0.1, abs=1e-7)
    half = GRAY.clone()
    half[..., :64] -= 0.2
    assert measure(GRAY, half).strength == pytest.approx(0.2 / math.sqrt(2), abs=1e-7)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize(
    ("frequency", "share"), [(0.0, 0), (4 / 128, 0), (0.25, 0), (33 / 128, 1), (0.4375, 1), (0.5, 1)]
)
def test_a_single_wave_is_hiss_or_is_not(frequency: float, share: int, down: bool) -> None:
    measures = measure(GRAY, GRAY + wave(frequency, down=down))
    assert measures.high_frequency_share == pytest.approx(share, abs=1e-5)


def test_the_share_of_two_waves_is_that_of_their_energies() -> None:
    change = 3 * wave(4 / 128) + wave(0.375)
    assert measure(GRAY, GRAY + change).high_frequency_share == pytest.approx(1 / 10, abs=1e-4)


def test_white_noise_is_hiss_by_the_area_outside_a_circle() -> None:
    """The circle of radius 0.25 in the square of side 1 leaves 1 - pi / 16."""
    measures = measure(torch.zeros(1, 3, 256, 256), noise(0))
    assert measures.high_frequency_share == pytest.approx(1 - math.pi / 16, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_white_noise_has_no_checkerboard(seed: int) -> None:
    assert 0.7 < measure(torch.zeros(1, 3, 256, 256), noise(seed)).checkerboard < 1.3


@pytest.mark.parametrize(("down", "right"), [(1, 1), (1, 0), (0, 1)])
def test_a_planted_grid_of_every_kind_is_found(down: int, right: int) -> None:
    i = torch.arange(256)
    grid = (1 - 2 * ((down * i[:, None] + right * i[None, :]) % 2)).float()
    found = [
        measure(GRAY[:, :, :1, :1], noise(1) + 0.5 + size * grid).checkerboard for size in (0.01, 0.02, 0.05)
    ]
    assert found[0] > 1.5
    assert found == sorted(found)
    assert found[2] > 20


def test_a_grid_of_another_period_is_none() -> None:
    assert measure(GRAY, GRAY + wave(0.25) + noise(2, 128)).checkerboard < 1.5


def test_a_gray_change_has_no_chroma_and_a_hue_change_is_all_chroma() -> None:
    assert measure(GRAY, GRAY + noise(0, 128).mean(dim=1, keepdim=True)).chroma_share == pytest.approx(
        0, abs=1e-6
    )
    hue = torch.tensor([0.1, -0.1, 0.0]).view(1, 3, 1, 1)
    assert measure(GRAY, GRAY + hue).chroma_share == pytest.approx(1, abs=1e-6)
    one = torch.tensor([0.3, 0.0, 0.0]).view(1, 3, 1, 1)  # (r, 0, 0): 1 - 3 (r/3)^2 / r^2 = 2/3
    assert measure(GRAY, GRAY + one).chroma_share == pytest.approx(2 / 3, abs=1e-6)


def test_clipped_pixels_are_counted_once_and_only_new_ones() -> None:
    before = torch.full((1, 3, 10, 10), 0.5)
    before[..., 0, :] = 0.0  # ten were black already
    after = before.clone()
    after[:, 1, 5, 2] = 1.0
    after[:, :, 5, 3] = 0.0
    after[:, :, 6, 3] = 254.4 / 255  # rounds to 254
    after[:, :, 7, 3] = 254.6 / 255  # rounds to 255
    after[:, 0, 0, 0] = 1.0
    assert measure(before, after).newly_clipped == pytest.approx(3 / 100)


@given(height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_every_size_has_measures_and_no_change_has_good_ones(height: int, width: int) -> None:
    picture = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    same = measure(picture, picture)
    assert (same.strength, same.high_frequency_share, same.chroma_share, same.newly_clipped) == (
        0,
        0,
        1,
        0,
    ) or (same.chroma_share == 0)
    assert same.warnings() == [] or same.chroma_share == 1
    other = measure(picture, 1 - picture)
    assert all(math.isfinite(value) for value in other.to_dict().values())
    assert 0 <= other.high_frequency_share <= 1
    assert -1e-9 <= other.chroma_share <= 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("checkerboard", 1.62, "a checkerboard shows (Nyquist peak 1.6): smooth the gradient"),
        ("high_frequency_share", 0.07, "hiss: 7% of the change is above 0.25 cycle per pixel"),
        ("chroma_share", 0.4, "neon: 40% of the change is color; raise --color"),
        ("newly_clipped", 0.08, "8% of the pixels were newly clipped; lower --strength"),
    ],
)
def test_what_went_wrong_is_said_with_its_remedy(name: str, value: float, words: str) -> None:
    assert replace(GOOD, **{name: value}).warnings() == [words]


def test_good_measures_have_nothing_to_say_up_to_the_limits() -> None:
    assert GOOD.warnings() == []
    assert Measures(1.0, 0.06, 1.5, 0.35, 0.05).warnings() == []


def test_the_measures_of_a_picture_in_blocks_are_nearly_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, after = GRAY[:, :, :97, :120], (0.5 + noise(3) + wave(0.0, 256))[:, :, :97, :120].clamp(0, 1)
    whole = measure(before, after)
    monkeypatch.setattr("deepdream.dreaming.measures._BLOCK", 50)
    blocks = measure(before, after)
    for name in ("strength", "chroma_share", "newly_clipped", "ssim"):
        assert getattr(blocks, name) == pytest.approx(getattr(whole, name), abs=1e-9)
    assert blocks.high_frequency_share == pytest.approx(whole.high_frequency_share, rel=0.05)
    assert blocks.checkerboard == pytest.approx(whole.checkerboard, rel=0.25)
