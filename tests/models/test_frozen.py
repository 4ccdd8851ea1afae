"""Convolutions with fixed weights and chains of them, against torch's own autograd in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from deepdream import native
from deepdream.models import load_model
from deepdream.models.efficientnet_lite import EfficientNetLite, InvertedResidual, build
from deepdream.models.frozen import FrozenConv2d, freeze_convolutions
from deepdream.models.prepare import prepare

#: (channels in, channels out, kernel, stride, padding, dilation, groups)
GEOMETRIES = [
    (6, 5, 1, 1, 0, 1, 1), (6, 6, 3, 1, 1, 1, 6), (4, 4, 5, 1, 2, 1, 4), (4, 8, 3, 1, 1, 1, 4), (6, 4, 3, 1, 1, 1, 2),
    (3, 5, 7, 2, 3, 1, 1), (3, 5, 5, 2, 0, 1, 1), (3, 5, 7, 2, 1, 1, 1), (1, 4, 7, 4, 3, 1, 1), (3, 5, 3, 2, 1, 1, 1),
    (4, 4, 3, 2, 1, 1, 4), (6, 5, 1, 2, 0, 1, 1), (4, 4, 3, 1, 2, 2, 4), (6, 5, 1, 1, 1, 1, 1),
]  # fmt: skip


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def convolution(geometry: tuple[int, ...]) -> nn.Conv2d:
    torch.manual_seed(0)
    before, after, kernel, stride, padding, dilation, groups = geometry
    return nn.Conv2d(before, after, kernel, stride, padding, dilation, groups).requires_grad_(False)


@pytest.mark.parametrize("size", [(17, 20), (16, 23)], ids=str)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_a_frozen_convolution_and_its_gradients_are_torchs_in_float64(
    geometry: tuple[int, ...], size: tuple[int, int]
) -> None:
    plain = convolution(geometry)
    ours, exact = FrozenConv2d(plain), copy.deepcopy(plain).double()
    x = noise(2, geometry[0], *size).requires_grad_()
    y = x.detach().double().requires_grad_()
    got, wanted = ours(x), exact(y)
    torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=1e-4)
    weights = noise(*got.shape, seed=1)
    torch.testing.assert_close(
        torch.autograd.grad((got * weights).sum(), x)[0].double(),
        torch.autograd.grad((wanted * weights).sum(), y)[0],
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("geometry", GEOMETRIES[:7], ids=str)
def test_the_gradient_of_the_gradient_is_torchs(geometry: tuple[int, ...]) -> None:
    plain = convolution(geometry)

    def second(module: nn.Module) -> Tensor:
        x = noise(1, geometry[0], 16, 16).requires_grad_()
        (first,) = torch.autograd.grad(module(x).pow(3).sum(), x, create_graph=True)
        return torch.autograd.grad(first.square().sum(), x)[0]

    torch.testing.assert_close(second(FrozenConv2d(plain)), second(plain), rtol=1e-3, atol=1e-3)


def test_only_plain_convolutions_that_nobody_watches_are_replaced() -> None:
    watched = nn.Conv2d(3, 3, 1)
    watched.register_forward_hook(lambda *_: None)
    reflecting, named = (
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(3, 3, 3, padding="same"),
    )
    shared = nn.Conv2d(3, 3, 1)
    network = nn.Sequential(watched, reflecting, named, shared, nn.Sequential(shared)).requires_grad_(False)
    freeze_convolutions(network)
    assert [network[i] for i in range(3)] == [watched, reflecting, named]
    assert isinstance(network[3], FrozenConv2d)
    assert network[4][0] is network[3]


def test_a_network_that_has_run_can_be_copied() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)).requires_grad_(False)
    freeze_convolutions(network)
    x = noise(1, 3, 8, 8)
    before = network(x)
    twin = copy.deepcopy(network)
    assert torch.equal(twin(x), before)
    assert twin[0].frozen is not network[0].frozen


@pytest.fixture(scope="module")
def pair() -> tuple[EfficientNetLite, EfficientNetLite]:
    """A seeded network with norms that do something, and its prepared copy (which sees pictures turned)."""
    torch.manual_seed(0)
    network = build("efficientnet_lite0", classes=5).eval().requires_grad_(False)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.2, 0.5)
    twin = prepare(network, noise(1, 3, 64, 64)).network
    assert isinstance(twin, EfficientNetLite)
    return network, twin


@pytest.fixture(params=["our kernels", "torch's operations"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without the compiled kernels."""
    if request.param == "torch's operations":
        monkeypatch.setattr(native, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("the kernels are not built for this machine")


def gradient(network: nn.Module, x: Tensor, *, turned: bool) -> Tensor:
    x = x.detach().requires_grad_()
    fed = x.flip(2, 3) if turned else x
    return torch.autograd.grad(network(fed)[:, 2].sum(), x)[0]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("size", [(64, 96), (65, 71)], ids=str)
def test_a_fused_network_has_the_gradient_of_the_untouched_one_in_float64(
    pair: tuple[EfficientNetLite, EfficientNetLite], size: tuple[int, int]
) -> None:
    network, twin = pair
    x = noise(2, 3, *size)
    wanted = gradient(copy.deepcopy(network).double(), x.double(), turned=False)
    got = gradient(twin, x, turned=True).double()
    assert float((got - wanted).norm() / wanted.norm()) < 1e-2
    assert all(block.chain is not None for block in twin.modules() if isinstance(block, InvertedResidual))


@pytest.mark.usefixtures("kernels")
def test_a_block_runs_part_by_part_while_somebody_looks_into_it(
    pair: tuple[EfficientNetLite, EfficientNetLite],
) -> None:
    _, twin = pair
    block, seen = twin.blocks[2][1], []
    x = noise(1, 40, 9, 8).contiguous(memory_format=torch.channels_last)
    fused = block(x)
    handle = block.act2.register_forward_hook(lambda *_: seen.append(1))
    try:
        stepwise = block(x)
    finally:
        handle.remove()
    assert seen == [1]
    torch.testing.assert_close(fused, stepwise, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("kernels")
def test_a_chain_changes_nothing_that_it_was_given(pair: tuple[EfficientNetLite, EfficientNetLite]) -> None:
    block = pair[1].blocks[1][1]
    x = noise(1, 24, 8, 8).contiguous(memory_format=torch.channels_last)
    before, pulled = x.clone(), noise(1, 24, 8, 8, seed=2).contiguous(memory_format=torch.channels_last)
    given = pulled.clone()
    free = x.requires_grad_()
    torch.autograd.grad(block(free), free, given)
    assert torch.equal(x.detach(), before)
    assert torch.equal(given, pulled)
    (even,) = torch.autograd.grad(block(free).sum(), free)  # a gradient that is one number, expanded
    (ones,) = torch.autograd.grad(block(free), free, torch.ones_like(x))
    assert torch.equal(even, ones)


@pytest.mark.usefixtures("kernels")
def test_a_chain_has_the_gradient_of_the_gradient(pair: tuple[EfficientNetLite, EfficientNetLite]) -> None:
    block = pair[1].blocks[1][1]

    def second(run: object) -> Tensor:
        x = noise(1, 24, 8, 8).requires_grad_()
        (first,) = torch.autograd.grad(run(x).square().sum(), x, create_graph=True)  # type: ignore[operator]
        return torch.autograd.grad(first.square().sum(), x)[0]

    torch.testing.assert_close(second(block), second(block.step_by_step), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["googlenet", "resnet18", "vgg11", "mobilenet_v2", "densenet121", "squeezenet1_1", "shufflenet_v2_x1_0",
     "mnasnet0_5"],
)  # fmt: skip
def test_eight_architectures_keep_the_gradient_of_the_untouched_network_in_float64(name: str) -> None:
    model = load_model(name, weights="random")
    exact = copy.deepcopy(model.module).eval().double()
    x = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(3))
    ours, theirs = x.clone().requires_grad_(), x.double().requires_grad_()
    (got,) = torch.autograd.grad(model(ours)[0, 7], ours)
    mean, std = (torch.tensor(v).double().view(1, 3, 1, 1) for v in
                 (model.preprocessing.mean, model.preprocessing.std))  # fmt: skip
    (wanted,) = torch.autograd.grad(exact((theirs - mean) / std)[0, 7], theirs)
    assert float((got - wanted).norm() / wanted.norm()) < 1e-2
    unit = [g.double().flatten() / g.double().norm() for g in (got, wanted)]
    assert float(unit[0] @ unit[1]) > 0.9999
