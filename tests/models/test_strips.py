"""Blocks run strip by strip, against the same convolutions in one piece in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from deepdream.models import strips
from deepdream.models.chain import Chain

#: (channels in, channels out, kernel, stride)
BLOCKS = [(6, 6, 3, 1), (6, 6, 5, 1), (6, 4, 5, 1), (6, 4, 3, 2), (6, 4, 5, 2), (6, 4, 7, 3)]


class Block(nn.Module):
    """Widen, filter, narrow."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = 3 * before
        self.widen = nn.Conv2d(before, wide, 1)
        self.filter = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide)
        self.narrow = nn.Conv2d(wide, after, 1)
        self.skip = before == after

    def forward(self, x: Tensor) -> Tensor:
        y = self.filter(self.widen(x).clamp(0, 6)).clamp(0, 6)
        y = self.narrow(y)
        return x + y if self.skip else y


def chain_of(block: Block) -> Chain:
    links = [(block.widen, True), (block.filter, True), (block.narrow, False)]
    return Chain(links, parts=[], step_by_step=block, skip=block.skip)


@pytest.fixture(params=[1, 40 * 18 * 23 * 4], ids=["thin", "thick"])
def strip_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips for pictures of any size, of the fewest rows and of forty."""
    monkeypatch.setattr(strips, "_STRIP", request.param)
    monkeypatch.setattr(strips, "_CACHED", 0)


@pytest.mark.usefixtures("strip_bytes")
@pytest.mark.parametrize("size", [(97, 23), (64, 22), (3, 5)], ids=str)
@pytest.mark.parametrize("geometry", BLOCKS, ids=str)
def test_strips_and_their_gradient_are_the_whole_blocks(
    geometry: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    block = Block(*geometry).requires_grad_(False)
    chain, exact = chain_of(block), copy.deepcopy(block).double()
    x = torch.randn(2, 6, *size).contiguous(memory_format=torch.channels_last)
    assert chain.strips is not None
    assert chain.strips.suit(x)
    free, doubled = x.clone().requires_grad_(), x.double().requires_grad_()
    got, wanted = chain(free), exact(doubled)
    torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=1e-5)
    weights = torch.randn_like(got)
    (ours,) = torch.autograd.grad(got, free, weights)
    (theirs,) = torch.autograd.grad(wanted, doubled, weights.double())
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-5


def test_only_large_pictures_are_cut_and_only_blocks_of_that_kind() -> None:
    block = Block(6, 6, 3, 1).requires_grad_(False)
    chain = chain_of(block)
    assert chain.strips is not None
    assert not chain.strips.suit(torch.zeros(1, 6, 64, 64))
    assert chain.strips.suit(torch.zeros(1, 6, 1024, 512))
    assert not chain.strips.suit(torch.zeros(1, 6, 1024, 512, dtype=torch.float64))
    assert Chain([(block.widen, True), (block.narrow, False)], parts=[], step_by_step=block).strips is None
    unpadded = copy.deepcopy(block)
    unpadded.filter.padding = (0, 0)
    assert chain_of(unpadded).strips is None
    assert chain_of(Block(6, 4, 1, 2)).strips is None  # leaves positions out


def test_the_wide_part_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = chain_of(Block(6, 4, 3, 2).requires_grad_(False))
    x = torch.randn(1, 6, 64, 64).contiguous(memory_format=torch.channels_last)

    def numbers_kept() -> int:
        kept: list[Tensor] = []
        chain.run(x, kept)
        return sum(part.numel() for part in kept)

    whole = numbers_kept()
    monkeypatch.setattr(strips, "_CACHED", 0)
    assert whole == 18 * (64 * 64 + 32 * 32)
    assert numbers_kept() == 18 * 32 * 32
