"""What may change: pixels, logits and spectra, forth and back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deepdream.ascent.parameterizations import PARAMETERIZATIONS, Fourier, Logit, Pixels, move_detail
from deepdream.ascent.resampling import resize, resize_picture
from deepdream.plan import Plan

SIDES = st.integers(1, 40)


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_every_choice_of_the_plan_exists() -> None:
    choices = Plan.__dataclass_fields__["parameterization"].metadata["choices"]
    assert set(PARAMETERIZATIONS) == set(choices)


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
@given(height=SIDES, width=SIDES)
@settings(max_examples=25, deadline=None)
def test_a_picture_that_is_not_changed_returns(name: str, height: int, width: int) -> None:
    kind, image = PARAMETERIZATIONS[name], picture(height, width)
    back = kind.decode(kind.encode(image), height, width)
    torch.testing.assert_close(back, image, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["pixels", "logit"])
def test_black_and_white_return_exactly(name: str) -> None:
    kind = PARAMETERIZATIONS[name]
    image = torch.linspace(0, 1, 256 * 3).reshape(1, 3, 16, 16)
    assert (kind.decode(kind.encode(image), 16, 16) - image).abs().max() < 1e-6


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_every_kind_can_be_fitted_to_a_photo(name: str, photo: Tensor) -> None:
    """lucid's test: mean |error| below 0.01 from a gray start, here in 400 steps of Adam."""
    kind = PARAMETERIZATIONS[name]
    free = kind.encode(torch.full_like(photo, 0.5)).clone().requires_grad_()
    optimizer = torch.optim.Adam([free], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        (kind.decode(free, 48, 64) - photo).square().sum().backward()
        optimizer.step()
    assert float((kind.decode(free.detach(), 48, 64) - photo).abs().mean()) < 0.01


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
@given(seed=st.integers(0, 50), size=st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_whatever_the_parameters_the_picture_is_legal(name: str, seed: int, size: float) -> None:
    kind = PARAMETERIZATIONS[name]
    wild = kind.encode(picture(9, 12)) * size + size
    image = kind.decode(kind.project(wild), 9, 12)
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert image.isfinite().all()


def test_a_logit_step_of_a_mid_gray_is_the_step_itself() -> None:
    kind = Logit()
    gray = torch.full((1, 3, 2, 2), 0.5)
    moved = kind.encode(gray) + 1e-3 * kind.pull_back(kind.encode(gray), torch.ones_like(gray))
    torch.testing.assert_close(kind.decode(moved, 2, 2), gray + 1e-3, atol=1e-5, rtol=0)


def test_a_logit_step_hardly_moves_white() -> None:
    kind = Logit()
    image = torch.tensor([0.5, 0.97]).expand(1, 3, 1, 2)
    moved = (
        kind.decode(kind.encode(image) - 0.02 * kind.pull_back(image, torch.ones_like(image)), 1, 2) - image
    )
    assert abs(float(moved[0, 0, 0, 1])) < 0.15 * abs(float(moved[0, 0, 0, 0]))


def test_pixels_are_clipped_after_a_step() -> None:
    assert torch.equal(Pixels().project(torch.tensor([-0.5, 0.2, 1.5])), torch.tensor([0.0, 0.2, 1.0]))


# The spectrum.


def test_the_frequency_grid_is_the_published_one() -> None:
    """lucent's rfft2d_freqs(4, 6); the scale is sqrt(H W) / max(f, 1 / max(H, W))."""
    published = torch.tensor(
        [
            [0, 0.166667, 0.333333, 0.5],
            [0.25, 0.300463, 0.416667, 0.559017],
            [0.5, 0.527046, 0.600925, 0.707107],
            [0.25, 0.300463, 0.416667, 0.559017],
        ]
    )
    scale = Fourier._scale(4, 6, torch.device("cpu"))
    expected = 24**0.5 / published.clamp_min(1 / 6)
    torch.testing.assert_close(scale, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", [96, 160, 320])
def test_fresh_parameters_are_nearly_gray(side: int) -> None:
    """Measured in lucid's form: mean 0.500, standard deviation 0.003 at every size."""
    kind = Fourier()
    image = kind.decode(kind.start(1, side, side, torch.Generator().manual_seed(0)), side, side)
    assert float(image.mean()) == pytest.approx(0.5, abs=0.002)
    assert 0.002 < float(image.std()) < 0.005


def test_fresh_parameters_are_those_of_the_seed() -> None:
    one, same, other = (Fourier().start(1, 8, 9, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == (1, 3, 8, 5, 2)


def test_pulling_back_is_the_chain_rule() -> None:
    """Against autograd of sum(picture * direction), and a finite difference along one coefficient."""
    kind, direction = Fourier(), picture(7, 10, 1) - 0.5
    parameters = kind.encode(picture(7, 10))
    pulled = kind.pull_back(parameters, direction)
    assert not pulled.requires_grad
    step = torch.zeros_like(parameters)
    step[0, 1, 2, 3, 0] = 1e-2
    ahead, behind = (kind.decode(parameters + sign * step, 7, 10) for sign in (1, -1))
    slope = float(((ahead - behind).double() * direction).sum()) / 2e-2
    assert float(pulled[0, 1, 2, 3, 0]) == pytest.approx(slope, rel=1e-2)


# From one octave to the next.


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_without_a_dream_the_larger_octave_is_the_sharp_original(name: str) -> None:
    kind, larger = PARAMETERIZATIONS[name], picture(37, 51)
    base = resize_picture(larger, 19, 26)
    moved = move_detail(kind, kind.encode(base), base, larger)
    torch.testing.assert_close(kind.decode(moved, 37, 51), larger, atol=1e-4, rtol=0)


def test_detail_is_added_to_the_original_not_the_blurred_whole() -> None:
    """Google: detail = picture - octave base, enlarged, added to the next base."""
    larger = picture(40, 40)
    base = resize_picture(larger, 20, 20)
    dreamed = (base + 0.1 * (picture(20, 20, 5) - 0.5)).clamp(0, 1)
    moved = move_detail(Pixels(), dreamed, base, larger)
    torch.testing.assert_close(moved, larger + resize(dreamed - base, 40, 40))


# Changing sizes.


def test_the_same_size_is_the_same_tensor() -> None:
    image = picture(5, 6)
    assert resize(image, 5, 6) is image


def test_shrinking_is_antialiased() -> None:
    """A checkerboard of single pixels becomes gray, not black or white."""
    board = ((torch.arange(64)[:, None] + torch.arange(64)) % 2).float().expand(1, 3, 64, 64)
    small = resize_picture(board, 16, 16)
    assert float((small - 0.5).abs().max()) < 0.05


def test_a_resized_picture_stays_legal_at_a_hard_edge() -> None:
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    assert float(resize(edge, 32, 32).max()) > 1  # bicubic overshoots
    assert float(resize_picture(edge, 32, 32).max()) == 1
