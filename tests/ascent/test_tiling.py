"""Tiles: the gradient of the whole picture, no seam, and what happens when memory runs out."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.objectives import parse_objective
from deepdream.ascent.tiling import Box, Tiling, grid, surroundings, tiled_gradient
from deepdream.models import Model, load_model
from deepdream.plan import plan_for
from deepdream.tensors import generator

sides = st.integers(1, 700)


@given(sides, sides, st.integers(96, 300), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_cores_cover_every_pixel_once(height: int, width: int, core: int, seed: int) -> None:
    count = torch.zeros(height, width, dtype=torch.int)
    for box in grid(height, width, core, generator(seed)):
        box.of(count).add_(1)
        assert all(part.of(torch.ones(height, width)).numel() for part in box.quarters())
    assert bool((count == 1).all())


@given(st.integers(97, 700), st.integers(0, 600), st.integers(1, 96), st.sampled_from([1, 8, 16, 32]))
@settings(max_examples=100, deadline=None)
def test_a_tile_sees_its_halo_and_lies_on_the_grid_of_the_layer(
    length: int, start: int, core: int, stride: int
) -> None:
    start = min(start, length - 1)
    end = min(start + core, length)
    box = surroundings(Box(start, end, start, end), length, length, Tiling(core, 40, stride))
    assert box.top <= max(0, start - 40)
    assert box.bottom >= min(length, end + 40)
    assert box.top % stride == 0
    assert box.bottom == length or (box.bottom - box.top) % stride == length % stride


@pytest.fixture(scope="module")
def exact_model() -> Model:
    """The embedded network in float64, so that only the tiles can make a difference."""
    model = load_model(device="cpu")
    return dataclasses.replace(model, module=model.module.double())


@pytest.mark.weights
@pytest.mark.parametrize("size", [(151, 222), (160, 217)], ids=str)
def test_with_an_exact_halo_the_gradient_is_that_of_the_whole_picture(
    exact_model: Model, size: tuple[int, int]
) -> None:
    picture = torch.rand(1, 3, *size, generator=generator(1)).double()
    objective, plan = parse_objective("layer(blocks.2)"), plan_for(jitter=0)
    whole, _ = measure_gradient(exact_model, objective, picture, plan, generator(0))
    layer = exact_model.layer("blocks.2")
    tiling = Tiling(96, (layer.receptive_field or 0) - 1, layer.stride or 1)
    tiled, _ = measure_gradient(exact_model, objective, picture, plan, generator(2), tiling=tiling)
    assert float((tiled - whole).norm() / whole.norm()) < 1e-5
    # The control: off the layer's grid the same tiles are wrong, so the test can fail.
    off = dataclasses.replace(tiling, stride=1)
    wrong, _ = measure_gradient(exact_model, objective, picture, plan, generator(2), tiling=off)
    assert float((wrong - whole).norm() / whole.norm()) > 1e-2


@pytest.mark.weights
@pytest.mark.slow
def test_at_the_recommended_layer_the_exact_halo_is_338_pixels_and_exact(exact_model: Model) -> None:
    picture = torch.rand(1, 3, 600, 1013, generator=generator(1)).double()
    objective, plan = parse_objective("layer(blocks.4)"), plan_for(jitter=0)
    whole, _ = measure_gradient(exact_model, objective, picture, plan, generator(0))
    tiled, _ = measure_gradient(
        exact_model, objective, picture, plan, generator(2), tiling=Tiling(256, 338, 16)
    )
    assert float((tiled - whole).norm() / whole.norm()) < 1e-5


@pytest.mark.weights
def test_random_grids_leave_no_seam() -> None:
    """Averaged over steps, the columns where tiles met hold no more error than the others."""
    model = load_model(device="cpu")
    picture = torch.rand(1, 3, 160, 400, generator=generator(1))
    picture = torch.nn.functional.avg_pool2d(picture, 5, 1, 2)
    objective, plan = parse_objective("layer(blocks.2)"), plan_for(jitter=0)
    whole, _ = measure_gradient(model, objective, picture, plan, generator(0))
    chance, core, first = generator(5), 96, None
    total = torch.zeros_like(whole)
    for _ in range(8):
        before = chance.get_state()
        tiled, _ = measure_gradient(model, objective, picture, plan, chance, tiling=Tiling(core, 16, 8))
        if first is None:
            replay = torch.Generator()
            replay.set_state(before)
            measure_gradient(model, objective, picture, plan, replay, tiling=Tiling(core, 16, 8))
            draw = torch.Generator()
            draw.set_state(before)
            torch.randint(-0, 1, (), generator=draw)
            torch.randint(-0, 1, (), generator=draw)
            first = {box.left for box in grid(160, 400, core, draw) if box.left}
        total += (tiled - whole) / 8
    energy = total.square().sum(dim=(0, 1, 2))
    assert first
    seams = torch.zeros(400, dtype=torch.bool)
    for column in first:
        seams[max(0, column - 2) : column + 2] = True
    assert float(energy[seams].mean()) < 2 * float(energy[~seams].mean())


def _squares(tile: Tensor) -> tuple[Tensor, Tensor]:
    return 2 * tile, tile.square().mean()


def test_out_of_memory_cuts_what_is_left_into_smaller_tiles_and_gives_the_same() -> None:
    picture = torch.rand(1, 3, 500, 700, generator=generator(0))
    seen: list[int] = []

    def short_of_memory(tile: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(tile.shape[-1])
        if len(seen) > 2 and tile.shape[-1] > 200:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return _squares(tile)

    gradient, score = tiled_gradient(picture, Tiling(256, 8), generator(3), short_of_memory)
    torch.testing.assert_close(gradient, 2 * picture)
    assert float(score) == pytest.approx(float(picture.square().mean()), rel=0.05)
    assert max(seen[:2]) > 200 >= max(seen[4:])


def test_a_tile_that_the_user_chose_is_kept_and_the_error_comes_through() -> None:
    def never(tile: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(RuntimeError, match="can't allocate"):
        tiled_gradient(torch.rand(1, 3, 300, 300), Tiling(256, 8, fixed=True), generator(0), never)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def broken(tile: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        tiled_gradient(torch.rand(1, 3, 300, 300), Tiling(256, 8), generator(0), broken)


def test_positions_are_those_of_the_whole_picture(tiny_model: Model) -> None:
    name = tiny_model.recommended_layer
    shape = tiny_model.activations(torch.rand(1, 3, 75, 118), [name])[name].shape
    assert tiny_model.positions(name, 75, 118) == shape[-1] * shape[-2]
