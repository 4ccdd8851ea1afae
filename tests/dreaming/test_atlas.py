"""The atlas: samples, the grid over the map, what can be read off, and pictures that are kept when it is stopped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deepdream.dreaming.activation_samples import ActivationSamples, sample
from deepdream.dreaming.atlas import (
    Atlas,
    Tile,
    activation_atlas,
    activation_grid,
    compose,
    grid_members,
    lay_out,
    readout,
    seen_as,
)
from deepdream.dreaming.directions import least_side, visualize_directions
from deepdream.errors import UsageError
from deepdream.images import Picture
from deepdream.models import Model


def pictures(count: int) -> list[Picture]:
    rng = np.random.default_rng(0)
    return [
        Picture(rng.random((40 + n, 50, 3), np.float32), None, f"{n}.png", "ab" * 32) for n in range(count)
    ]


def synthetic(count: int, channels: int = 6) -> ActivationSamples:
    rng = torch.Generator().manual_seed(3)
    values = torch.randn(count, channels, generator=rng) + torch.arange(count)[:, None] % 3
    crops = torch.arange(count) // 4
    chances = torch.rand(int(crops.max()) + 1, 5, generator=rng)
    return ActivationSamples(
        "second", values, np.zeros((count, 4, 4, 3), np.uint8), np.zeros(count, np.int64), crops, chances
    )


def test_cells_of_2000_points_as_a_literal_loop_finds_them() -> None:
    points = np.random.default_rng(1).random((2000, 2))
    points[0], points[1] = (1.0, 1.0), (0.0, 1.0)  # the border belongs to the last cell
    found = grid_members(points, 7, fewest=35)
    edges = np.linspace(0, 1, 8)
    for row in range(7):
        for column in range(7):
            inside = []
            for number, (x, y) in enumerate(points):
                in_column = edges[column] <= x < edges[column + 1] or (x == 1 and column == 6)
                in_row = edges[row] <= y < edges[row + 1] or (y == 1 and row == 6)
                if in_column and in_row:
                    inside.append(number)
            assert found.get((row, column), ()) == (tuple(inside) if len(inside) >= 35 else ())
    assert 10 < len(found) < 49
    assert grid_members(points[:3], 7)  # where every cell has few, none is left out


def test_an_atlas_of_2000_activations_shows_the_centered_means(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = np.random.default_rng(2).random((2000, 2))
    monkeypatch.setattr("deepdream.dreaming.atlas.lay_out", lambda *_, **__: points)
    samples = synthetic(2000, 12)
    atlas = activation_atlas(tiny_model, samples, grid=5)
    assert len(atlas.tiles) == 25
    mean = samples.activations.double().numpy().mean(axis=0)
    counts = [len(tile.members) for tile in atlas.tiles]
    assert sum(counts) == 2000
    for tile in atlas.tiles:
        total = np.zeros(12)
        for number in tile.members:
            x, y = points[number]
            assert (int(y * 5), int(x * 5)) == (tile.row, tile.column)
            total += samples.activations[number].double().numpy()
        assert np.allclose(tile.vector.numpy(), total / len(tile.members) - mean, atol=1e-5)
        assert tile.weight == pytest.approx((len(tile.members) / max(counts)) ** 0.5)


def test_the_layout_keeps_clusters_together_and_is_the_same_each_time() -> None:
    rng = torch.Generator().manual_seed(0)
    centers = torch.randn(3, 10, generator=rng) * 5
    belongs = torch.arange(90) % 3
    activations = centers[belongs] + 0.3 * torch.randn(90, 10, generator=rng)
    points = lay_out(activations, seed=4, perplexity=10)
    assert points.shape == (90, 2)
    assert (points.min(), points.max()) == (0, 1)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(90)
    assert (belongs.numpy()[distances.argmin(axis=1)] == belongs.numpy()).all()
    assert np.array_equal(points, lay_out(activations, seed=4, perplexity=10))
    with pytest.raises(UsageError, match="at least 8 activations, not 3"):
        lay_out(activations[:3])


def test_samples_are_activations_of_crops_and_the_same_for_the_same_seed(tiny_model: Model) -> None:
    first, second = (sample(tiny_model, pictures(3), "second", total=3, count=60) for _ in range(2))
    assert torch.equal(first.activations, second.activations)
    assert first.activations.shape == (60, 12)
    assert np.bincount(first.pictures).tolist() == [20, 20, 20]
    assert len(first.probabilities) == int(first.crops.max()) + 1 == 6
    assert torch.allclose(first.probabilities.sum(dim=1), torch.ones(6), atol=1e-5)
    other = sample(tiny_model, pictures(3), "second", total=3, count=60, seed=1)
    assert not torch.equal(first.activations, other.activations)
    (label, share), *_ = seen_as(tiny_model, first, range(60))
    means = first.probabilities.mean(dim=0) * 1.0
    assert (label, share) == (f"class {int(means.argmax())}", pytest.approx(float(means.max()), abs=0.05))
    with pytest.raises(UsageError, match="head has no places"):
        sample(tiny_model, pictures(1), "head", total=1)


def test_a_uniform_picture_gives_patches_of_its_color(tiny_model: Model) -> None:
    plain = Picture(np.full((40, 60, 3), 0.5, np.float32), None, "gray.png", "ab" * 32)
    found = sample(tiny_model, [plain], "second", total=1, count=10)
    assert np.abs(found.patches.astype(int) - 128).max() <= 1


def test_the_grid_of_one_picture_holds_its_activations(tiny_model: Model, photo: Tensor) -> None:
    picture = Picture(photo[0].permute(1, 2, 0).contiguous().numpy(), None, "blobs.png", "ab" * 32)
    grid = activation_grid(tiny_model, picture, "second", size=64, most=99)
    with torch.no_grad():
        activation = tiny_model.activations(photo, ["second"])["second"][0]
    assert (grid.rows, grid.columns) == tuple(activation.shape[1:])
    for tile in grid.tiles:
        assert torch.allclose(tile.vector, activation[:, tile.row, tile.column], atol=1e-6)
    assert max(tile.weight for tile in grid.tiles) == pytest.approx(1)
    coarse = activation_grid(tiny_model, picture, "second", size=64, most=4)
    assert (coarse.rows, coarse.columns) == (3, 4)
    assert torch.allclose(coarse.tiles[0].vector, activation[:, :4, :4].mean(dim=(1, 2)), atol=1e-6)
    with pytest.raises(UsageError, match="head has no places"):
        activation_grid(tiny_model, picture, "head")


class Pooled(nn.Module):
    """Its logits are linear in the mean of ``act``, and not in that of ``conv``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.head = nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.conv(x)).mean((2, 3)))


def test_classes_are_read_off_where_the_logits_are_linear_in_the_mean_and_nowhere_else(
    tiny_model: Model,
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Pooled()
    model = Model.wrap(network, input_size=32, labels=list("abcde"))
    found = readout(model, "act")
    assert found is not None
    assert torch.equal(found[0], network.head.weight)
    assert readout(model, "conv") is None
    assert readout(tiny_model, "second") is None  # a ReLU comes after it
    assert readout(tiny_model, "first") is None
    atlas = activation_grid(model, pictures(1)[0], "act", most=3)
    tile = atlas.tiles[0]
    logits = network.head.weight.detach() @ tile.vector + network.head.bias.detach()
    best = logits.argsort(descending=True)[:3]
    assert [label for label, _ in tile.classes] == ["abcde"[i] for i in best]
    assert [score for _, score in tile.classes] == pytest.approx(logits[best].tolist(), abs=1e-5)


def _agreement(activation: Tensor, wanted: Tensor) -> Tensor:
    """(N,): the mean over positions of h.v * max(0.1, cos)^2, for activations (N, C, h, w) and unit vectors."""
    dot = torch.einsum("nchw,nc->nhw", activation, wanted)
    return (dot * (dot / activation.norm(dim=1)).clamp_min(0.1) ** 2).mean(dim=(1, 2))


def test_a_direction_is_climbed_and_does_not_depend_on_its_neighbors(tiny_model: Model) -> None:
    noise = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():  # directions that pictures can reach
        vectors = tiny_model.activations(noise, ["second"])["second"][:, :, 3, 3]
    before = {n: p.clone() for n, p in tiny_model.module.named_parameters()}

    def agreement(steps: int) -> Tensor:
        found = visualize_directions(tiny_model, "second", vectors, size=32, steps=steps)
        assert found.shape == (3, 3, 32, 32)
        with torch.no_grad():
            activation = tiny_model.activations(found, ["second"])["second"]
        return _agreement(activation, torch.nn.functional.normalize(vectors, dim=1))

    assert (agreement(30) > agreement(1) + 1e-3).all()
    alone = visualize_directions(tiny_model, "second", vectors[1:2], size=32, steps=3)
    together = visualize_directions(tiny_model, "second", vectors, size=32, steps=3)
    assert torch.allclose(alone[0], together[1], atol=1e-4)
    assert all(torch.equal(p, before[n]) for n, p in tiny_model.module.named_parameters())
    assert all(not part._forward_hooks for part in tiny_model.module.modules())


def test_a_picture_too_small_for_the_layer_is_refused() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 9), torch.nn.Flatten())
    model = Model.wrap(network, name="wide", input_size=32)
    assert least_side(model, "0") == 10  # 9 pixels, seen up to a tenth smaller
    assert visualize_directions(model, "0", torch.ones(1, 4), size=10, steps=1) is not None
    with pytest.raises(UsageError, match="needs at least 10x10 pixels"):
        visualize_directions(model, "0", torch.ones(1, 4), size=9, steps=1)


def test_pictures_stand_in_their_places_as_large_as_their_weight() -> None:
    atlas = Atlas("a", 2, 3, (Tile(0, 0, torch.ones(1)), Tile(1, 2, torch.ones(1), weight=0.2)))
    white = np.ones((32, 32, 3), np.float32)
    drawn = compose(atlas, [white, white], gap=2)
    assert drawn.shape == (70, 104, 3)
    assert (drawn[2:34, 2:34] == 1).all()
    bright = (drawn == 1).all(axis=2)
    rows, _ = np.nonzero(bright[36:, 70:])
    assert len(rows) == round(32 * 0.6) ** 2
    assert bright.sum() == 32 * 32 + len(rows)
    assert (compose(atlas, [white, white], sized=False) == 1).all(axis=2).sum() == 2 * 32 * 32
