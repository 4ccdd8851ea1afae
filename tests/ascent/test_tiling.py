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
from deepdream.ascent.tiling import CORE, NEAR_HALO, Box, Rolled, Tiling, grid, surroundings, tiled_gradient
from deepdream.models import Model, load_model
from deepdream.plan import Plan, plan_for
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


def _seam_energy(size: tuple[int, int], layer: str, tiling: Tiling, *, steps: int, moving: bool) -> float:
    """Energy of the mean error of ``steps`` gradients in the columns where the tiles of a grid that stands still
    meet, over that in the others."""
    model = load_model(device="cpu")
    picture = torch.nn.functional.avg_pool2d(torch.rand(1, 3, *size, generator=generator(1)), 5, 1, 2)
    objective, plan = parse_objective(f"layer({layer})"), plan_for(jitter=0)
    whole, _ = measure_gradient(model, objective, picture, plan, generator(0))
    total, rng = torch.zeros_like(whole), generator(0)
    for _ in range(steps):
        rng = rng if moving else generator(99)
        tiled, _ = measure_gradient(model, objective, picture, plan, rng, tiling=tiling)
        total += (tiled - whole) / steps
    standing = generator(99)
    for _ in range(2):  # what a jitter of no pixels draws
        torch.randint(1, (), generator=standing)
    seams = torch.zeros(size[1], dtype=torch.bool)
    for box in grid(*size, tiling.core, standing):
        if box.left:
            seams[box.left - 4 : box.left + 4] = True
    energy = total.square().sum(dim=(0, 1, 2))
    return float(energy[seams].mean() / energy[~seams].mean())


@pytest.mark.weights
def test_random_grids_leave_no_seam() -> None:
    geometry = ((160, 400), "blocks.2", Tiling(96, 16, 8))
    assert (
        _seam_energy(*geometry, steps=1, moving=False) > 4
    )  # the control: a grid that stands still leaves one
    assert _seam_energy(*geometry, steps=16, moving=True) <= 1


@pytest.mark.weights
@pytest.mark.slow
def test_the_tiles_that_are_used_by_default_leave_no_seam() -> None:
    geometry = ((700, 2300), "blocks.4", Tiling(CORE, NEAR_HALO, 16))
    assert CORE + 2 * NEAR_HALO == 1280
    assert _seam_energy(*geometry, steps=1, moving=False) > 4
    assert _seam_energy(*geometry, steps=8, moving=True) <= 1


@given(st.integers(1, 40), st.integers(1, 40), st.integers(-50, 50), st.integers(-50, 50), st.data())
@settings(max_examples=60, deadline=None)
def test_a_part_of_a_rolled_picture_is_that_part(
    height: int, width: int, down: int, right: int, data: st.DataObject
) -> None:
    whole = torch.rand(2, 3, height, width, generator=generator(0))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = Box(top, data.draw(st.integers(top + 1, height)), left, data.draw(st.integers(left + 1, width)))
    view = Rolled(whole, down, right, lambda part: 2 * part)
    part = view.of(box)
    assert torch.equal(part, box.of(2 * torch.roll(whole, (down, right), dims=(2, 3))))
    onto, expected = torch.zeros_like(whole), torch.zeros_like(whole)
    view.put(box, part, onto)
    box.of(expected).copy_(part)
    assert torch.equal(onto, torch.roll(expected, (-down, -right), dims=(2, 3)))


@pytest.mark.parametrize("goal", ["layer(second)", "layer(second) + 2*channel(first, 1)"])
def test_a_large_picture_is_rolled_under_its_tiles(tiny_model: Model, goal: str) -> None:
    """With jitter: the tiles of what lies still give what the tiles of a rolled copy give, rolled back."""
    picture, objective = torch.rand(1, 3, 150, 170, generator=generator(0)), parse_objective(goal)
    tiling = Tiling(96, 32, 8)
    found, score = measure_gradient(tiny_model, objective, picture, Plan(), generator(3), tiling=tiling)
    rng = generator(3)
    down, right = (int(torch.randint(-32, 33, (), generator=rng)) for _ in range(2))
    copy, rng = torch.roll(picture, (down, right), dims=(2, 3)), generator(3)
    expected, same = measure_gradient(tiny_model, objective, copy, Plan(jitter=0), rng, tiling=tiling)
    torch.testing.assert_close(found, torch.roll(expected, (-down, -right), dims=(2, 3)))
    torch.testing.assert_close(score, same)


def _squares(tile: Tensor) -> tuple[Tensor, Tensor]:
    return 2 * tile, tile.square().mean()


def test_out_of_memory_cuts_what_is_left_into_smaller_tiles_and_gives_the_same() -> None:
    picture = torch.rand(1, 3, 500, 700, generator=generator(0))
    seen: list[int] = []

    def short_of_memory(box: Box) -> tuple[Tensor, Tensor]:
        tile = box.of(picture)
        seen.append(tile.shape[-1])
        if len(seen) > 2 and tile.shape[-1] > 200:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return _squares(tile)

    gradient, score = tiled_gradient(Rolled(picture), Tiling(256, 8), generator(3), short_of_memory)
    torch.testing.assert_close(gradient, 2 * picture)
    assert float(score) == pytest.approx(float(picture.square().mean()), rel=0.05)
    assert max(seen[:2]) > 200 >= max(seen[4:])


def test_a_tile_that_the_user_chose_is_kept_and_the_error_comes_through() -> None:
    def never(box: Box) -> tuple[Tensor, Tensor]:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(RuntimeError, match="can't allocate"):
        tiled_gradient(Rolled(torch.rand(1, 3, 300, 300)), Tiling(256, 8, fixed=True), generator(0), never)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def broken(box: Box) -> tuple[Tensor, Tensor]:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        tiled_gradient(Rolled(torch.rand(1, 3, 300, 300)), Tiling(256, 8), generator(0), broken)


def test_positions_are_those_of_the_whole_picture(tiny_model: Model) -> None:
    name = tiny_model.recommended_layer
    shape = tiny_model.activations(torch.rand(1, 3, 75, 118), [name])[name].shape
    assert tiny_model.positions(name, 75, 118) == shape[-1] * shape[-2]
