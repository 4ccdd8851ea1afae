"""What a dream will take: the arithmetic, what it is measured from, and the tiles chosen from it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from deepdream.ascent.sizes import Octave
from deepdream.ascent.tiling import Tiling, expected_tiles, grid, largest_tile, surroundings
from deepdream.dreaming import estimating, fit_to_memory, measuring
from deepdream.dreaming.estimating import add_up, choose_tile, estimate
from deepdream.dreaming.measuring import Costs, probe
from deepdream.models import Model
from deepdream.plan import Plan

COSTS = Costs(1000.0, 100.0, 1e-6, 1e-7, resting_bytes=50_000_000)
PLAN = Plan(objective="layer(second)", octaves=1, steps=2)


def test_tiles_and_pixels_are_the_mean_over_every_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against ``grid`` itself at all its offsets; halos are short here, so few are cut off."""
    height, width, tiling = 50, 37, Tiling(12, 0)
    drawn: list[int] = []
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor(drawn.pop(0)))
    found = []
    for offsets in itertools.product(range(12), range(12)):
        drawn[:] = offsets
        found.append(len(grid(height, width, 12, torch.Generator())))
    tiles, seen = expected_tiles(height, width, tiling)
    assert tiles == pytest.approx(sum(found) / len(found))
    assert seen == height * width


def test_the_largest_tile_is_never_exceeded() -> None:
    tiling = Tiling(96, 64, 16)
    for seed in range(5):
        cores = grid(500, 700, 96, torch.Generator().manual_seed(seed))
        boxes = [surroundings(core, 500, 700, tiling) for core in cores]
        assert max((b.bottom - b.top) * (b.right - b.left) for b in boxes) <= largest_tile(500, 700, tiling)


def test_halos_are_looked_at_twice() -> None:
    tiles, seen = expected_tiles(1001, 2001, Tiling(500, 10))
    assert (tiles, seen) == (3 * 5, (1001 + 40) * (2001 + 80))


def test_seconds_grow_with_the_pixels_and_the_steps() -> None:
    sizes = [Octave(500, 500, 4), Octave(1000, 1000, 4)]
    takes = add_up(COSTS, sizes, [None, None])
    assert takes.seconds == pytest.approx(4 * 1.1e-6 * 1_250_000)
    assert takes.octaves[0].seconds * 4 == pytest.approx(takes.octaves[1].seconds)
    assert [octave.tiles for octave in takes.octaves] == [1, 1]


def test_tiles_take_less_memory_and_more_time() -> None:
    size = [Octave(2000, 2000, 1)]
    whole, tiled = add_up(COSTS, size, [None]), add_up(COSTS, size, [Tiling(512, 64)])
    assert tiled.bytes < whole.bytes
    assert tiled.seconds > whole.seconds
    assert tiled.octaves[0].tiles == round((1 + 1999 / 512) ** 2)


def test_the_process_itself_counts() -> None:
    size = [Octave(100, 100, 1)]
    assert add_up(COSTS, size, [None]).bytes - add_up(COSTS, size, [None]).octaves[0].bytes == 50_000_000


def test_the_states_of_other_octaves_count() -> None:
    """In every one: the picture, its own state, and the last one of the octave before."""
    sizes = [Octave(100, 100, 1), Octave(200, 200, 1), Octave(400, 400, 1)]
    costs = Costs(0.0, 0.0, 0.0, 0.0)
    assert [octave.bytes for octave in add_up(costs, sizes, [None] * 3).octaves] == [
        12 * 160_000 + 16 * 10_000,
        12 * 160_000 + 16 * (40_000 + 10_000),
        12 * 160_000 + 16 * (160_000 + 40_000),
    ]


def test_what_the_optimizer_and_a_mask_hold_is_measured(tiny_model: Model) -> None:
    plain = probe(tiny_model, PLAN, 64, 64)
    assert (plain.state_bytes, plain.source_bytes) == (12 + 4, 12)  # parameters and emphasis; the picture
    assert probe(tiny_model, replace(PLAN, calm=0.0, optimizer="adam"), 64, 64).state_bytes == 3 * 12


def test_the_picture_as_read_is_not_counted_twice(tiny_model: Model) -> None:
    pixels = torch.ones(200_000_000 // 4)
    with_it, without = (
        probe(tiny_model, PLAN, 64, 64, other_bytes=other_bytes).resting_bytes
        for other_bytes in (0, 200_000_000)
    )
    assert with_it - without == pytest.approx(200_000_000, abs=20_000_000)
    del pixels


def test_what_lives_at_once_is_counted_and_what_died_is_not() -> None:
    with measuring._Alive() as alive:
        kept = torch.zeros(1000)
        for _ in range(5):
            torch.ones(250)
        view = kept[:10]
    assert alive.most == 4 * 1250
    del kept, view
    assert alive.now == 0


def test_a_wider_network_takes_more(tiny_model: Model) -> None:
    """Two convolutions at full size with 64 channels: at least both outputs have to be kept for the gradient."""
    wide = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1), nn.Sigmoid(), nn.Conv2d(64, 64, 3, 1, 1), nn.Sigmoid())
    model = Model.wrap(wide, mean=(0.5,), std=(0.25,), name="wide", input_size=64)
    narrow = probe(tiny_model, PLAN, 128, 128)
    costs = probe(model, Plan(objective="layer(2)"), 128, 128)
    assert costs.network_bytes >= 2 * 64 * 4
    assert costs.network_bytes > narrow.network_bytes
    assert 12 <= costs.canvas_bytes < 400


def test_a_probe_leaves_the_network_and_the_chance_alone(tiny_model: Model) -> None:
    before = {name: value.clone() for name, value in tiny_model.module.state_dict().items()}
    rng = torch.get_rng_state()
    probe(tiny_model, PLAN, 300, 300)
    assert torch.equal(rng, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in tiny_model.module.state_dict().items())


@pytest.mark.parametrize(
    ("free", "tile"), [(10**11, 0), (80 * 10**8, 896), (33 * 10**8, 512), (1, 256)], ids=str
)
def test_the_largest_tile_that_fits_is_chosen(tiny_model: Model, free: int, tile: int) -> None:
    plan = choose_tile(tiny_model, PLAN, 1500, 1500, COSTS, free)
    assert plan.tile == tile
    if tile > 256:
        takes = estimate(tiny_model, plan, 1500, 1500, costs=COSTS)
        assert takes.bytes - takes.resting_bytes <= free / 2


def test_a_picture_that_takes_the_memory_itself_keeps_the_usual_tiles(tiny_model: Model) -> None:
    assert choose_tile(tiny_model, PLAN, 18000, 22000, COSTS, 10**9) is PLAN


def test_short_memory_cuts_a_picture_that_is_seen_whole_otherwise(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimating, "free_memory", lambda _: 1000)
    assert fit_to_memory(tiny_model, PLAN, 300, 300).tile == 256
    assert fit_to_memory(tiny_model, PLAN, 40, 40) == PLAN  # smaller than any tile
    chosen = Plan(objective="layer(second)", tile=512)
    assert fit_to_memory(tiny_model, chosen, 2000, 2000) is chosen
    logit = Plan(objective="logit(3)")
    assert fit_to_memory(tiny_model, logit, 600, 600) is logit  # looks at the whole
    monkeypatch.setattr(estimating, "free_memory", lambda _: None)
    assert fit_to_memory(tiny_model, PLAN, 300, 300) is PLAN
