"""The kernels of our own for whole blocks and stems, against the same convolutions in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from deepdream import native
from deepdream.models.chain import Chain

pytestmark = pytest.mark.skipif(native.library() is None, reason="the kernels are not built for this machine")

#: (widens, channels in, channels out, kernel, stride); outputs that fill no vector, one, and more than three.
BLOCKS = [
    (True, 8, 8, 3, 1), (True, 16, 16, 5, 1), (True, 24, 40, 5, 2), (True, 16, 24, 3, 2), (True, 8, 80, 3, 1),
    (False, 32, 16, 3, 1), (False, 16, 16, 5, 1), (False, 32, 24, 3, 2), (True, 40, 112, 5, 2), (True, 8, 3, 3, 2),
]  # fmt: skip
#: Smaller than a kernel, odd and even, and so wide that a row is cut into panels.
SIZES = [(1, 1), (2, 3), (5, 4), (13, 26), (14, 61), (3, 700)]


class Block(nn.Module):
    """Widen, filter, narrow."""

    def __init__(
        self, widens: bool, before: int, after: int, kernel: int, stride: int, *, bias: bool = True
    ) -> None:
        super().__init__()
        wide = 6 * before if widens else before
        self.widen = nn.Conv2d(before, wide, 1, bias=bias) if widens else None
        self.filter = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=bias)
        self.narrow = nn.Conv2d(wide, after, 1, bias=bias)
        self.skip = before == after and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.widen is None else self.widen(x).clamp(0, 6)
        y = self.narrow(self.filter(y).clamp(0, 6))
        return x + y if self.skip else y


def block_of(geometry: tuple[bool, int, int, int, int], *, bias: bool = True) -> Block:
    """With units that are closed, open, and beyond six."""
    torch.manual_seed(0)
    block = Block(*geometry, bias=bias).requires_grad_(False)
    for part in (block.widen, block.filter):
        if part is not None:
            part.weight *= 10
    return block


def chain_of(block: Block) -> Chain:
    links = [(block.widen, True)] if block.widen is not None else []
    links += [(block.filter, True), (block.narrow, False)]
    return Chain(links, parts=[], step_by_step=block, skip=block.skip)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).contiguous(
        memory_format=torch.channels_last
    )


def relative(ours: Tensor, theirs: Tensor) -> float:
    ours, theirs = ours.detach().double(), theirs.detach()
    return float((ours - theirs).norm() / theirs.norm())


def both_ways(block: Block, x: Tensor) -> tuple[float, float]:
    """How far our output and our gradient are from those in float64."""
    chain, exact = chain_of(block), copy.deepcopy(block).double()
    assert chain.in_one_pass is not None
    assert chain.in_one_pass.suit(x)
    free, doubled = x.clone().requires_grad_(), x.double().requires_grad_()
    got, wanted = chain(free), exact(doubled)
    weights = noise(*got.shape)
    (ours,) = torch.autograd.grad(got, free, weights)
    (theirs,) = torch.autograd.grad(wanted, doubled, weights.double())
    with torch.no_grad():
        assert torch.equal(chain(x), got)  # the same without a way back
    return relative(got, wanted), relative(ours, theirs)


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("geometry", BLOCKS, ids=str)
def test_a_block_and_its_gradient_are_the_convolutions_in_float64(
    geometry: tuple[bool, int, int, int, int], size: tuple[int, int]
) -> None:
    block = block_of(geometry)
    output, gradient = both_ways(block, noise(2, geometry[1], *size))
    assert output < 1e-5
    assert gradient < 1e-5


@pytest.mark.usefixtures("vectors")
def test_units_are_closed_open_and_beyond_six_in_these_tests() -> None:
    block = block_of(BLOCKS[3])
    assert block.widen is not None
    x = noise(2, 16, 14, 61)
    wide = block.widen(x)
    filtered = block.filter(wide.clamp(0, 6))
    for result in (wide, filtered):
        shares = [
            float(part.float().mean()) for part in (result < 0, (result > 0) & (result < 6), result > 6)
        ]
        assert min(shares) > 0.05


@pytest.mark.usefixtures("vectors")
def test_convolutions_without_biases() -> None:
    assert max(both_ways(block_of(BLOCKS[0], bias=False), noise(1, 8, 9, 9))) < 1e-5


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_every_number_of_threads_gives_the_same_bits(threads: int) -> None:
    chain = chain_of(block_of(BLOCKS[3]))
    x = noise(2, 16, 40, 61).requires_grad_()

    def results() -> tuple[Tensor, Tensor]:
        y = chain(x)
        return y, torch.autograd.grad(y.square().sum(), x)[0]

    before, expected = torch.get_num_threads(), results()
    torch.set_num_threads(threads)
    try:
        got = results()
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, got, expected))


def test_a_picture_laid_out_plane_by_plane_is_taken_too() -> None:
    chain = chain_of(block_of(BLOCKS[0]))
    x = noise(2, 8, 9, 13)
    assert torch.equal(chain(x.contiguous()), chain(x))


def test_only_what_the_kernels_can_do_is_given_to_them() -> None:
    block = block_of(BLOCKS[0])
    ours = chain_of(block).in_one_pass
    assert ours is not None
    assert ours.suit(noise(1, 8, 4, 4))
    assert not ours.suit(noise(1, 8, 4, 4).double())
    assert not ours.suit(noise(1, 8, 4, 4)[:0])
    assert not ours.suit(noise(1, 8, 4, 4).to("meta"))
    odd = chain_of(block_of((True, 3, 3, 3, 1))).in_one_pass  # 18 channels fill no whole vectors
    assert odd is not None
    assert not odd.suit(noise(1, 3, 4, 4))
    assert chain_of(block_of((True, 8, 8, 7, 1))).in_one_pass is None
    assert chain_of(block_of((True, 8, 8, 3, 3))).in_one_pass is None
    unpadded = copy.deepcopy(block)
    unpadded.filter.padding = (0, 0)
    assert chain_of(unpadded).in_one_pass is None


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("size", [(2, 2), (7, 8), (33, 50), (64, 31)], ids=str)
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "after"), [(3, 2, 1, 32), (7, 2, 3, 64), (7, 4, 3, 16), (5, 2, 0, 16)]
)
@pytest.mark.parametrize("bounded", [True, False])
def test_a_stems_way_back_is_that_in_float64(
    kernel: int, stride: int, padding: int, after: int, size: tuple[int, int], bounded: bool
) -> None:
    if min(size) + 2 * padding < kernel:
        pytest.skip("a picture smaller than the kernel")
    torch.manual_seed(0)
    colors = 3 if stride == 2 else 1
    stem = nn.Conv2d(colors, after, kernel, stride, padding).requires_grad_(False)
    stem.weight *= 6
    exact = copy.deepcopy(stem).double()

    def run(module: nn.Module, x: Tensor) -> Tensor:
        return module(x).clamp(0, 6) if bounded else module(x)

    chain = Chain([(stem, bounded)], parts=[], step_by_step=lambda x: run(stem, x))
    phases = chain.links[0][0]._phases
    x = noise(2, colors, *size)
    assert phases is not None
    assert phases.are_native(noise(1, after, 2, 2))
    free, doubled = x.clone().requires_grad_(), x.double().requires_grad_()
    got, wanted = chain(free), run(exact, doubled)
    weights = noise(*got.shape)
    kept = weights.clone()
    (ours,) = torch.autograd.grad(got, free, weights)
    (theirs,) = torch.autograd.grad(wanted, doubled, weights.double())
    assert relative(got, wanted) < 1e-5
    assert relative(ours, theirs) < 1e-5
    assert torch.equal(weights, kept)


def test_a_library_that_is_missing_or_built_from_other_sources_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = native.library.__wrapped__
    monkeypatch.setattr(native, "_VERSION", 0)
    assert find() is None
    monkeypatch.setattr(native, "EXTENSION_SUFFIXES", [".missing"])
    assert find() is None
    monkeypatch.undo()
    assert find() is not None
    monkeypatch.setenv("DEEPDREAM_KERNELS", "none")
    assert find() is None
