"""Pooling by our own kernels, against torch's in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from deepdream import native
from deepdream.models.pooling import FastMaxPool2d, replace_pools

pytestmark = pytest.mark.skipif(native.library() is None, reason="the kernels are not built for this machine")

#: (kernel, stride, padding, whether a last, partial window counts)
WINDOWS = [
    (3, 2, 0, True),
    (3, 1, 1, True),
    (3, 2, 1, False),
    (2, 2, 0, False),
    (2, 2, 0, True),
    (5, 3, 2, True),
    (3, 5, 0, True),
]


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).contiguous(
        memory_format=torch.channels_last
    )


def pulled(pooling: nn.Module, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    x = x.detach().clone().requires_grad_()
    y = pooling(x)
    return y.detach(), torch.autograd.grad(y, x, weights.to(x.dtype))[0]


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("size", [(5, 6), (12, 13), (1, 31)], ids=str)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_values_and_gradients_are_torchs_also_where_maxima_are_equal(
    window: tuple[int, int, int, bool], size: tuple[int, int]
) -> None:
    kernel, stride, padding, ceil = window
    if kernel > min(size) + 2 * padding:
        pytest.skip("a picture smaller than the window")
    plain = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
    ours = FastMaxPool2d(plain)
    for x in (noise(2, 16, *size), noise(2, 16, *size).relu(), noise(2, 16, *size).round()):
        with torch.no_grad():
            weights = noise(*plain(x).shape)
            assert torch.equal(ours(x), plain(x))
        got, wanted = pulled(ours, x, weights), pulled(plain, x.double(), weights)
        assert torch.equal(got[0].double(), wanted[0])
        torch.testing.assert_close(got[1].double(), wanted[1], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("vectors")
def test_what_is_not_a_number_wins_as_in_torch() -> None:
    x = noise(1, 16, 9, 9)
    x[0, 3, 4, 4], x[0, 5, 2, 7], x[0, 5, 2, 8], x[0, 6] = torch.nan, torch.nan, torch.inf, -torch.inf
    plain = nn.MaxPool2d(3, 2, 1)
    with torch.no_grad():
        assert torch.equal(FastMaxPool2d(plain)(x).nan_to_num(77), plain(x).nan_to_num(77))
    weights = noise(1, 16, 5, 5)
    torch.testing.assert_close(pulled(FastMaxPool2d(plain), x, weights)[1], pulled(plain, x, weights)[1])


def test_the_gradient_of_the_gradient_is_torchs() -> None:
    plain = nn.MaxPool2d(3, 2, 1)

    def second(pooling: nn.Module) -> Tensor:
        x = noise(1, 16, 9, 9).requires_grad_()
        (first,) = torch.autograd.grad(pooling(x).pow(3).sum(), x, create_graph=True)
        return torch.autograd.grad(first.square().sum(), x)[0]

    torch.testing.assert_close(second(FastMaxPool2d(plain)), second(plain))


def test_what_the_kernels_do_not_take_goes_to_torch() -> None:
    plain = nn.MaxPool2d(3, 2, 1)
    ours = FastMaxPool2d(plain)
    for x in (noise(1, 5, 9, 9), noise(1, 16, 9, 9).double(), noise(1, 16, 9, 9)[0]):
        assert torch.equal(ours(x), plain(x))
    with pytest.raises(RuntimeError):
        FastMaxPool2d(nn.MaxPool2d(5))(noise(1, 16, 3, 3))


def test_only_plain_poolings_that_nobody_watches_are_replaced() -> None:
    watched = nn.MaxPool2d(2)
    watched.register_forward_hook(lambda *_: None)
    kept = [watched, nn.MaxPool2d((2, 3)), nn.MaxPool2d(2, dilation=2), nn.MaxPool2d(2, return_indices=True)]
    network = nn.Sequential(*kept, nn.MaxPool2d(3, 2, ceil_mode=True))
    replace_pools(network)
    assert list(network[:4]) == kept
    assert isinstance(network[4], FastMaxPool2d)
    twin = copy.deepcopy(network[4])
    x = noise(1, 16, 8, 8)
    assert torch.equal(twin(x), nn.MaxPool2d(3, 2, ceil_mode=True)(x))
