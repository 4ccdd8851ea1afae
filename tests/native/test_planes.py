"""Filtering planes and adding up their colors by our own kernels, against torch in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream import native
from deepdream.ascent import gradient_filters, mixing

pytestmark = [
    pytest.mark.skipif(native.library() is None, reason="the kernels are not built for this machine"),
    pytest.mark.usefixtures("vectors"),
]


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def convolved(image: Tensor, kernel: Tensor) -> Tensor:
    """torch's own, in float64."""
    down, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    how = "reflect" if image.shape[-2] > down and image.shape[-1] > right else "replicate"
    padded = F.pad(image.double(), (right, right, down, down), mode=how)
    channels = image.shape[1]
    return F.conv2d(padded, kernel.double().expand(channels, 1, *kernel.shape), groups=channels)


@pytest.mark.parametrize("kernel", [(9, 9), (3, 3), (5, 1), (1, 7), (1, 1), (3, 9)], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (5, 6), (10, 47), (31, 48), (40, 200)], ids=str)
def test_a_filtered_picture_is_torchs_in_float64(size: tuple[int, int], kernel: tuple[int, int]) -> None:
    image, weights = noise(2, 3, *size), noise(*kernel)
    torch.testing.assert_close(
        gradient_filters._filter(image, weights).double(), convolved(image, weights), rtol=1e-5, atol=1e-5
    )


def test_a_view_is_filtered_as_what_it_shows_and_is_not_changed() -> None:
    image, weights = noise(1, 3, 30, 40), noise(5, 9)
    before = image.clone()
    torch.testing.assert_close(
        gradient_filters._filter(image.mT, weights).double(),
        convolved(image.mT, weights),
        rtol=1e-5,
        atol=1e-5,
    )
    assert torch.equal(image, before)


def test_where_a_gradient_is_wanted_torch_filters() -> None:
    image = noise(1, 3, 12, 12).requires_grad_()
    (found,) = torch.autograd.grad(gradient_filters.blur(image, 1.0).square().sum(), image)
    assert float(found.abs().sum()) > 0


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (130, 127), (300, 200)], ids=str)
def test_sums_over_colors_are_those_in_float64(size: tuple[int, int]) -> None:
    values = noise(2, 3, *size) + 1
    products, totals = mixing._sums(values)
    flat = values.double().flatten(2)
    torch.testing.assert_close(products.double(), flat @ flat.mT, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(totals.double(), flat.sum(dim=2, keepdim=True), rtol=1e-5, atol=1e-3)
