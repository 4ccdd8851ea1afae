"""Cells, orders, controls and similarities against what they must be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from deepdream.attribution.checks import CELLS, EDGES, GAUSSIAN, agreement, compare, control_maps
from deepdream.attribution.checks.maps import edge_map, from_cells, gaussian_map, order_of_cells, to_cells
from deepdream.attribution.checks.similarity import ranks, spearman, ssim, top_overlap


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_cells_are_means_and_blocks() -> None:
    heatmap = drawn(224, 224)
    cells = to_cells(heatmap)
    assert cells.shape == (CELLS, CELLS)
    assert cells[0, 1] == pytest.approx(float(heatmap[:16, 16:32].double().mean()))
    assert to_cells(from_cells(cells, (224, 224))).allclose(cells)


@pytest.mark.parametrize("size", [(5, 9), (15, 14), (100, 31)])
def test_every_cell_has_pixels_at_any_size(size: tuple[int, int]) -> None:
    cells = to_cells(drawn(*size))
    numbered = torch.arange(cells.numel()).view(cells.shape)
    assert from_cells(numbered, size).unique().numel() == cells.numel()


def test_ties_are_broken_by_chance_and_not_by_place() -> None:
    orders = [order_of_cells(torch.zeros(14, 14), seed=seed) for seed in range(40)]
    first = torch.tensor([int(order[0]) for order in orders])
    assert first.unique().numel() > 20
    assert all(order.sort().values.tolist() == list(range(196)) for order in orders)
    assert (
        order_of_cells(torch.zeros(3, 3), seed=1).tolist()
        == order_of_cells(torch.zeros(3, 3), seed=1).tolist()
    )


def test_controls_know_the_picture_at_most() -> None:
    image = drawn(1, 3, 64, 48)
    maps = control_maps(image, seed=3)
    assert [name for name in maps if not name.startswith("random")] == [GAUSSIAN, EDGES]
    assert len(maps) == 7
    assert all(m.shape == (64, 48) for m in maps.values())
    assert all(
        torch.equal(a, b) for a, b in zip(maps.values(), control_maps(image, seed=3).values(), strict=True)
    )
    assert not torch.equal(maps["random 1"], control_maps(image, seed=4)["random 1"])


def test_the_blob_is_in_the_middle_and_edges_are_edges() -> None:
    blob = gaussian_map(torch.zeros(1, 3, 9, 9))
    assert float(blob[4, 4]) == 1.0
    assert torch.equal(blob, blob.flip(0, 1))
    step = torch.zeros(1, 3, 8, 8)
    step[..., 4:] = 1
    edges = edge_map(step)
    assert edges[:, 3:5].allclose(torch.full((8, 2), 4.0))
    assert float(edges[:, :3].max()) == 0.0


def test_ranks_share_their_mean_where_values_are_equal() -> None:
    assert ranks(torch.tensor([2.0, 1.0, 2.0, 5.0])).tolist() == [1.5, 0.0, 1.5, 3.0]


def test_spearman_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    for seed in range(5):
        a, b = (
            torch.randint(0, 9, (60,), generator=torch.Generator().manual_seed(seed + k)) for k in (0, 50)
        )
        assert spearman(a.double(), b.double()) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-9)


def test_a_map_agrees_with_itself_and_not_with_its_negative() -> None:
    heatmap = drawn(32, 32)
    same, other = compare(heatmap, 7 * heatmap + 1), compare(heatmap, -heatmap)
    assert (same.spearman, same.top) == (1.0, 1.0)
    assert same.ssim == pytest.approx(1.0)
    assert other.spearman == -1.0
    assert other.absolute == 1.0
    assert other.ssim < 0
    assert spearman(torch.zeros(4), torch.arange(4.0)) == 0.0


def test_tops_overlap_by_counting() -> None:
    a = torch.arange(100.0).view(10, 10)
    assert top_overlap(a, a.flip(0, 1)) == 0.0
    b = a.clone()
    b[9, :5] = 0  # five of the ten first are lost
    assert top_overlap(a, b) == pytest.approx(5 / 15)


def test_ssim_of_unrelated_maps_is_near_zero() -> None:
    values = [ssim(drawn(14, 14, seed=s), drawn(14, 14, seed=s + 100)) for s in range(30)]
    assert abs(float(np.mean(values))) < 0.08


def test_ssim_is_its_definition_window_by_window() -> None:
    """Wang et al. 2004, equation 13, written out: weighted moments in every 7 x 7 window."""
    pair = [drawn(10, 9, seed=seed).double().numpy() for seed in (0, 1)]
    first, second = ((values - values.min()) / (values.max() - values.min()) for values in pair)
    offsets = np.arange(-3, 4)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for row in range(4):
        for column in range(3):
            a, b = (m[row : row + 7, column : column + 7] for m in (first, second))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            variances = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            above = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
            values.append(above / ((mean_a**2 + mean_b**2 + 1e-4) * (sum(variances) + 9e-4)))
    assert ssim(*(torch.from_numpy(values) for values in pair)) == pytest.approx(np.mean(values), abs=1e-9)


def test_the_agreement_matrix_is_symmetric() -> None:
    found = agreement({name: drawn(28, 28, seed=i) for i, name in enumerate("abc")})
    matrix = np.array(found.spearman)
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1)
    assert found.of("a", "c") == found.pairs(["a", "c"])[("a", "c")]
    assert set(found.to_dict()) == {"names", "spearman", "top", "ssim"}
    assert not any(math.isnan(x) for row in found.ssim for x in row)
