"""Smoothing a gradient, against slow literal versions of what the sources say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deepdream.ascent.color_correlation import correlate, correlation_root, decorrelate
from deepdream.ascent.gradient_filters import (
    _filter,
    blur,
    cascade,
    equalize_bands,
    gaussian_kernel,
    laplacian_merge,
    laplacian_split,
    texture_emphasis,
)

SIZES = st.integers(1, 70)


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


# Color.


def test_the_color_matrix_is_the_published_one() -> None:
    """lucent's and torch-dreams' constants; Xplique and Horama hold the transpose."""
    published = [
        [0.56282854, 0.19482528, 0.0432945],
        [0.5844758, 0, -0.10823626],
        [0.5844758, -0.19482528, 0.06494176],
    ]
    torch.testing.assert_close(correlation_root(), torch.tensor(published), atol=1e-7, rtol=0)


def test_decorrelating_is_the_inverse_and_acts_on_columns() -> None:
    image = noise(4, 5)
    torch.testing.assert_close(correlate(decorrelate(image)), image, atol=1e-5, rtol=0)
    torch.testing.assert_close(correlate(image)[0, :, 2, 3], correlation_root() @ image[0, :, 2, 3])


def test_the_first_axis_is_nearly_gray_and_the_longest() -> None:
    lengths = correlation_root().norm(dim=0)
    assert float(lengths[0]) == pytest.approx(1)
    assert lengths[0] > lengths[1] > lengths[2]
    assert float(correlation_root()[:, 0].std() / correlation_root()[:, 0].mean()) < 0.03


# Blurring.


def literal_blur(image: Tensor, sigma: float, radius: int) -> np.ndarray:
    """Every pixel as the weighted sum of its neighbors, borders mirrored without repeating the edge."""
    padded = np.pad(image[0].double().numpy(), ((0, 0), (radius,) * 2, (radius,) * 2), mode="reflect")
    height, width = image.shape[-2:]
    out, total = np.zeros((3, height, width)), 0.0
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            weight = np.exp(-(down**2 + right**2) / (2 * sigma**2))
            total += weight
            rows, columns = (
                slice(radius + down, radius + down + height),
                slice(radius + right, radius + right + width),
            )
            out += weight * padded[:, rows, columns]
    return out / total


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.3])
def test_a_blur_is_a_gaussian_sum(sigma: float) -> None:
    image = noise(17, 14)
    radius = max(1, round(3 * sigma))
    np.testing.assert_allclose(blur(image, sigma)[0], literal_blur(image, sigma, radius), atol=1e-5)


@pytest.mark.parametrize("progress", [0.1, 0.5, 1.0])
def test_the_cascade_is_the_mean_of_three_blurs(progress: float) -> None:
    """CascadeGaussianSmoothing: sigma = 2 * (i + 1) / n + 0.5, times 0.5, 1 and 2, in a 9x9 kernel."""
    image = noise(16, 21)
    sigma = 2 * progress + 0.5
    three = [literal_blur(image, sigma * coefficient, 4) for coefficient in (0.5, 1.0, 2.0)]
    np.testing.assert_allclose(cascade(image, progress)[0], sum(three) / 3, atol=1e-5)


def test_the_cascade_ends_at_two_and_a_half_pixels_wherever_it_starts() -> None:
    image = noise(16, 16)
    torch.testing.assert_close(cascade(image, 1.0, 0.5), cascade(image, 1.0, 1.3))
    assert not torch.allclose(cascade(image, 0.1, 0.5), cascade(image, 0.1, 1.3))


@given(sigma=st.floats(0.1, 8), radius=st.none() | st.integers(1, 12))
def test_a_kernel_sums_to_one_and_is_symmetric(sigma: float, radius: int | None) -> None:
    line = gaussian_kernel(sigma, radius=radius)
    assert float(line.sum()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(line, line.flip(0))


@given(height=SIZES, width=SIZES, progress=st.floats(0.01, 1))
@settings(max_examples=40, deadline=None)
def test_smoothing_keeps_a_constant_at_every_size(height: int, width: int, progress: float) -> None:
    flat = torch.full((1, 3, height, width), 0.7)
    torch.testing.assert_close(cascade(flat, progress), flat)
    torch.testing.assert_close(blur(flat, 2.0), flat)


# The Laplacian pyramid.


@given(height=SIZES, width=SIZES, levels=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_splitting_and_merging_gives_the_picture_back(height: int, width: int, levels: int) -> None:
    image = noise(height, width, seed=height * 100 + width)
    bands = laplacian_split(image, levels)
    assert len(bands) <= levels + 1
    torch.testing.assert_close(laplacian_merge(bands), image, atol=1e-5, rtol=0)


def literal_down(image: np.ndarray) -> np.ndarray:
    """Every second pixel of the picture filtered by [1 4 6 4 1] x [1 4 6 4 1] / 256, edges repeated."""
    line = np.array([1, 4, 6, 4, 1]) / 16
    padded = np.pad(image, ((0, 0), (2, 2), (2, 2)), mode="edge")
    height, width = image.shape[1:]
    out = np.zeros((3, (height + 1) // 2, (width + 1) // 2))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            window = padded[:, 2 * i : 2 * i + 5, 2 * j : 2 * j + 5]
            out[:, i, j] = np.einsum("cij,i,j->c", window, line, line)
    return out


def literal_up(low: np.ndarray, height: int, width: int) -> np.ndarray:
    """Zeros between the pixels, then the same filter times four, edges repeated."""
    line = np.array([1, 4, 6, 4, 1]) / 16
    spread = np.pad(low, ((0, 0), (1, 1), (1, 1)), mode="edge")
    out = np.zeros((3, height, width))
    for i in range(height):
        for j in range(width):
            for q in range(-1, low.shape[1] + 1):
                for r in range(-1, low.shape[2] + 1):
                    a, b = i - 2 * q + 2, j - 2 * r + 2
                    if 0 <= a < 5 and 0 <= b < 5:
                        out[:, i, j] += 4 * line[a] * line[b] * spread[:, q + 1, r + 1]
    return out


def test_equalizing_is_the_notebooks_lap_normalize() -> None:
    """lap_split_n, normalize_std of every level (root mean square), lap_merge."""
    gradient = noise(19, 22, seed=3) * torch.linspace(0.1, 3, 22)
    image, bands = gradient[0].double().numpy(), []
    for _ in range(2):  # 19 -> 10 -> 5; below 8 pixels there is no further level
        low = literal_down(image)
        bands.append(image - literal_up(low, *image.shape[1:]))
        image = low
    bands.append(image)
    bands = [band / np.sqrt((band**2).mean()) for band in bands]
    merged = bands.pop()
    while bands:
        merged = literal_up(merged, *bands[-1].shape[1:]) + bands[-1]
        bands.pop()
    np.testing.assert_allclose(equalize_bands(gradient)[0], merged, atol=1e-4)


def test_equalizing_lifts_the_weak_band() -> None:
    """A faint wide wave under strong pixel noise: afterwards the wave holds far more of the energy."""
    x = torch.arange(64) * (2 * torch.pi / 32)
    wave = x.sin().expand(1, 3, 64, 64)
    gradient = 0.05 * wave + noise(64, 64)

    def share(image: Tensor) -> float:
        power = torch.fft.rfft2(image).abs().square()
        return float(power[..., 0, 2].sum() / power.sum())

    assert share(equalize_bands(gradient)) > 10 * share(gradient)


# Where to dream less.


@given(calm=st.floats(0, 1), seed=st.integers(0, 99), height=SIZES, width=SIZES)
@settings(max_examples=40, deadline=None)
def test_the_emphasis_lies_between_its_bounds(calm: float, seed: int, height: int, width: int) -> None:
    picture = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    weights = texture_emphasis(picture, calm)
    assert weights.shape == (1, 1, height, width)
    assert 1 - calm - 1e-6 <= float(weights.min()) <= float(weights.max()) <= 1 + 1e-6


def test_flat_areas_are_calm_and_textured_ones_are_not() -> None:
    picture = torch.full((1, 3, 80, 120), 0.8)
    picture[..., 70:] = 0.5 + 0.4 * (torch.rand(80, 50, generator=torch.Generator().manual_seed(1)) - 0.5)
    weights = texture_emphasis(picture, 0.8)[0, 0]
    assert float(weights[:, :30].max()) == pytest.approx(0.2, abs=1e-4)
    assert float(weights[:, 100:].min()) > 0.75
    assert torch.equal(texture_emphasis(picture, 0.0), torch.ones(1, 1, 80, 120))


def test_the_emphasis_is_that_of_the_local_deviation() -> None:
    """A vertical stripe pattern of +-d has the local deviation d everywhere: 1 - calm + calm d / (d + 0.02)."""
    stripes = 0.5 + 0.06 * (1 - 2 * (torch.arange(90) % 2)).float().expand(1, 3, 90, 90)
    weights = texture_emphasis(stripes, 0.8)[0, 0, 30:60, 30:60]
    assert float(weights.mean()) == pytest.approx(0.2 + 0.8 * 0.06 / 0.08, abs=1e-3)


# In pieces.


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize(("height", "width"), [(9, 70), (27, 9), (100, 33), (145, 20), (171, 31)])
def test_strips_side_by_side_give_what_one_convolution_gives(channels: int, height: int, width: int) -> None:
    image = torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(height))
    line = gaussian_kernel(1.3, radius=4)
    kernel = (line[:, None] * line[None, :]).expand(channels, 1, 9, 9)
    whole = F.conv2d(F.pad(image, (4,) * 4, mode="reflect"), kernel, groups=channels)
    layouts = image, image.contiguous(memory_format=torch.channels_last), image.mT.contiguous().mT
    for seen in layouts:
        torch.testing.assert_close(blur_of(seen, line), whole, atol=1e-6, rtol=1e-5)


def blur_of(image: Tensor, line: Tensor) -> Tensor:
    """By both axes one after the other, which takes thin strips and long ones."""
    return _filter(_filter(image.mT, line[None, :]).mT, line[None, :])


@pytest.mark.parametrize("height", [30, 31, 37, 38, 60])
@pytest.mark.parametrize("sigma", [0.5, 1.2, 3.0])
def test_a_large_picture_is_filtered_in_bands_to_the_same_result(
    height: int, sigma: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradient = noise(height, 24)
    whole = blur(gradient, sigma), cascade(gradient, 0.5)
    monkeypatch.setattr("deepdream.ascent.gradient_filters._BAND", 24 * 12)
    for one, two in zip((blur(gradient, sigma), cascade(gradient, 0.5)), whole, strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("height", [60, 97, 200])
def test_the_emphasis_of_a_large_picture_is_found_in_bands(
    height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = torch.rand(1, 3, height, 50, generator=torch.Generator().manual_seed(0))
    whole = texture_emphasis(picture, 0.8)
    monkeypatch.setattr("deepdream.ascent.gradient_filters._BAND", 50 * 40)
    torch.testing.assert_close(texture_emphasis(picture, 0.8), whole, atol=1e-5, rtol=1e-4)
