"""Structural similarity against its formula, written out window by window."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from deepdream.dreaming import distance
from deepdream.dreaming.distance import structural_similarity
from deepdream.tensors import generator


def literally(one: np.ndarray, other: np.ndarray) -> float:
    """Wang et al. 2004, equation 13, with the weights of section III-C, one window at a time."""
    weights = np.array(
        [[math.exp(-(y * y + x * x) / (2 * 1.5**2)) for x in range(-5, 6)] for y in range(-5, 6)]
    )
    weights /= weights.sum()
    found = []
    for top in range(one.shape[0] - 10):
        for left in range(one.shape[1] - 10):
            x, y = (picture[top : top + 11, left : left + 11] for picture in (one, other))
            mx, my = (weights * x).sum(), (weights * y).sum()
            vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            cov = (weights * (x - mx) * (y - my)).sum()
            found.append(
                (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
            )
    return float(np.mean(found))


@pytest.mark.parametrize("block", [1024, 13])
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
def test_it_is_the_formula_whatever_the_blocks(
    noise: float, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distance, "_BLOCK", block)
    one = torch.rand(1, 3, 25, 31, generator=generator(0))
    other = (one + noise * torch.randn(one.shape, generator=generator(1))).clamp(0, 1)
    gray = [np.tensordot((0.299, 0.587, 0.114), image[0].double().numpy(), 1) for image in (one, other)]
    assert structural_similarity(one, other) == pytest.approx(literally(*gray), abs=1e-6)


def test_a_picture_is_like_itself_and_unlike_its_negative() -> None:
    one = torch.rand(1, 3, 40, 50, generator=generator(0))
    assert structural_similarity(one, one) == pytest.approx(1)
    assert structural_similarity(one, 1 - one) < 0


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (2, 7), (10, 10), (4000, 3)])
def test_every_size_has_one(size: tuple[int, int]) -> None:
    one = torch.rand(1, 3, *size, generator=generator(0))
    assert structural_similarity(one, one) == pytest.approx(1)
    assert math.isfinite(structural_similarity(one, 1 - one))
