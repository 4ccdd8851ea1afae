"""Memory that runs out in the middle of a dream: smaller tiles, remembered, and the same again after a pause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from deepdream.dreaming.beginning import start
from deepdream.dreaming.checkpoint import checkpoint_path, read_checkpoint, write_checkpoint
from deepdream.dreaming.loop import dream
from deepdream.dreaming.rendering import render
from deepdream.dreaming.result import begin, finish
from deepdream.dreaming.state import State
from deepdream.errors import MemoryExhaustedError
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.plan import Plan
from deepdream.provenance import read_recipe_text
from deepdream.tensors import generator

PLAN = Plan(objective="layer(second)", octaves=1, steps=3)
Shorten = Callable[[int], list[int]]


@pytest.fixture
def shorten(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> Shorten:
    """Gives the network memory for so many pixels at once, and the list of what was too many."""
    whole = tiny_model.activations

    def shortened(room: int) -> list[int]:
        failed: list[int] = []

        def activations(image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
            if image.shape[-2] * image.shape[-1] > room:
                failed.append(image.shape[-2] * image.shape[-1])
                raise torch.OutOfMemoryError("made for this test")
            return whole(image, layers)

        monkeypatch.setattr(tiny_model, "activations", activations)
        return failed

    return shortened


def _photo(height: int = 384, width: int = 384) -> Tensor:
    return torch.rand(1, 3, height, width, generator=generator(0)) * 0.5 + 0.25


def _states(model: Model, state: State) -> list[State]:
    return [step.state for step in dream(model, state.plan, state=state)]


def test_a_picture_that_does_not_fit_whole_is_cut_and_stays_cut(tiny_model: Model, shorten: Shorten) -> None:
    failed = shorten(120_000)
    states = _states(tiny_model, start(tiny_model, PLAN, _photo()))
    assert failed == [384 * 384]
    assert states[-1].done
    assert [state.shrinks for state in states] == [((1, 192),)] * 3


def test_tiles_are_halved_in_the_middle_of_a_step_and_stay_so(tiny_model: Model, shorten: Shorten) -> None:
    failed = shorten(70_000)
    plan = replace(PLAN, tile=192, tile_fitted=True)
    states = _states(tiny_model, start(tiny_model, plan, _photo()))
    assert len(failed) == 1
    assert states[-1].core == 96
    assert states[-1].shrinks == states[states[-1].shrinks[0][0] - 1].shrinks
    assert states[-1].parameters.isfinite().all()


def test_the_gradient_after_a_shortage_is_that_of_the_tiles(tiny_model: Model, shorten: Shorten) -> None:
    """With a halo of the receptive field no tile size makes a difference, nor does a change between two tiles."""
    plan = replace(PLAN, tile_halo="exact", steps=1)
    (plenty,) = _states(tiny_model, start(tiny_model, plan, _photo()))
    failed = shorten(30_000)
    (short,) = _states(tiny_model, start(tiny_model, plan, _photo()))
    assert failed
    torch.testing.assert_close(short.parameters, plenty.parameters, atol=2e-5, rtol=0)


def test_a_tile_of_the_users_is_never_overridden(tiny_model: Model, shorten: Shorten) -> None:
    failed = shorten(70_000)
    with pytest.raises(MemoryExhaustedError, match="384x384"):
        render(
            tiny_model, _picture(), replace(PLAN, tile=192)
        )  # halved where the memory had chosen it, see above
    assert len(failed) == 1


def test_an_objective_of_the_whole_picture_is_not_cut(tiny_model: Model, shorten: Shorten) -> None:
    shorten(1)
    with pytest.raises(torch.OutOfMemoryError):
        _states(tiny_model, start(tiny_model, replace(PLAN, objective="logit(3)"), _photo()))


def test_too_little_memory_for_the_smallest_tile_is_said(tiny_model: Model, shorten: Shorten) -> None:
    failed = shorten(1)
    with pytest.raises(MemoryExhaustedError, match="Choose a smaller --size"):
        render(tiny_model, _picture(), PLAN)
    assert len(failed) > 1


def test_thin_pictures_are_cut_by_their_area(tiny_model: Model, shorten: Shorten) -> None:
    failed = shorten(60_000)
    states = _states(tiny_model, start(tiny_model, PLAN, _photo(40, 2000)))
    assert failed == [80_000]
    assert states[-1].core == 141


def test_a_dream_resumed_after_a_shortage_continues_in_the_small_tiles(
    tiny_model: Model, shorten: Shorten, tmp_path: Path
) -> None:
    ongoing = begin(tiny_model, _picture(), PLAN)
    state = ongoing.state
    shorten(120_000)
    states = _states(tiny_model, state)
    path = checkpoint_path(tmp_path / "dream.png")
    write_checkpoint(path, replace(ongoing, state=states[0]))
    shorten(10**9)  # memory is free again
    again = _states(tiny_model, read_checkpoint(path)[0].state)
    assert again[-1].shrinks == states[-1].shrinks == ((1, 192),)
    assert torch.equal(again[-1].parameters, states[-1].parameters)
    plenty = _states(tiny_model, state)
    assert not torch.equal(plenty[-1].parameters, states[-1].parameters)  # or nothing would be shown


def test_the_record_tells_of_it(tiny_model: Model, shorten: Shorten) -> None:
    ongoing = begin(tiny_model, _picture(), PLAN)
    state = ongoing.state
    shorten(120_000)
    dreamed = finish(tiny_model, replace(ongoing, state=_states(tiny_model, state)[-1]))
    assert read_recipe_text(dreamed.recipe.to_text()).shrinks == ((1, 192),)
    assert ongoing.recipe.shrinks == ()


def _picture() -> Picture:
    pixels = np.ascontiguousarray(_photo()[0].permute(1, 2, 0).numpy())
    return Picture(pixels, None, "photo.png", "0" * 64)
