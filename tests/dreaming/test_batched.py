"""Dreams in a batch: each picture as it would be alone, whatever its neighbors are and whatever befalls them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from deepdream.ascent.climbing import measure_gradient
from deepdream.dreaming import State, dream, loop, start
from deepdream.dreaming.batched import Together, dream_batched, fits_with, join, may_join
from deepdream.dreaming.estimating import choose_batch
from deepdream.dreaming.result import full_size
from deepdream.models import Model, load_model
from deepdream.plan import Plan, plan_for
from deepdream.tensors import generator

#: How far a few steps carry the last bit of a convolution of one picture and of several.
ROUNDING = 2e-3
SHORT = {"objective": "layer(second)", "steps": 3, "octaves": 2}


@pytest.fixture
def photos() -> list[Tensor]:
    """Three smooth pictures (1, 3, 48, 64), one of them nearly flat."""
    coarse = torch.rand(3, 3, 6, 8, generator=generator(4)) * 0.8 + 0.1
    coarse[2] = 0.5 + 0.1 * (coarse[2] - 0.5)
    large = torch.nn.functional.interpolate(coarse, (48, 64), mode="bilinear")
    return list(large.split(1))


def in_a_batch(model: Model, states: Sequence[State]) -> list[Tensor]:
    last = list(dream_batched(model, states))[-1]
    assert last.state is not None
    assert last.members == tuple(range(len(states)))
    return list(full_size(last.state).split(1))


def by_itself(model: Model, state: State) -> Tensor:
    return list(dream(model, state.plan, state=state))[-1].image


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"objective": "layer(second) + 0.5*channel(first, 2) - 0.2*total_variation()"},
        {"preset": "classic"},
        {"preset": "lapnorm"},
        {"preset": "natural", "steps": 4, "zoom": 0.0},
        {"transforms": "crops(2, 0.5, 0.9, 32) + noise(0.04)", "keep": "color", "smoothing": "gaussian"},
        {"objective": "layer(second) - 3*distance()", "optimizer": "adam"},
    ],
)
def test_a_picture_of_a_batch_is_what_it_is_alone(
    settings: dict[str, Any], tiny_model: Model, photos: list[Tensor]
) -> None:
    """But for rounding; and whatever its neighbors are, to the bit."""
    plan = plan_for(**{**SHORT, **settings})
    states = [start(tiny_model, plan, photo) for photo in photos]
    assert all(may_join(plan, state) and fits_with(states[0], state) for state in states)
    together = in_a_batch(tiny_model, states)
    for state, image in zip(states, together, strict=True):
        assert_close(image, by_itself(tiny_model, state), atol=ROUNDING, rtol=0)
    others = in_a_batch(tiny_model, [states[2], states[1], states[2]])
    assert torch.equal(others[1], together[1])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("objective", ["layer(second)", "layer(second) - 0.5*channel(first, 2) - l2()"])
def test_the_gradient_of_a_batch_is_that_of_each(
    objective: str, tiny_model: Model, photos: list[Tensor]
) -> None:
    states = [start(tiny_model, plan_for(**{**SHORT, "objective": objective}), photo) for photo in photos]
    joined = join(states)
    found, scores = measure_gradient(tiny_model, joined.goals, joined.image(), joined.plan, generator(1))
    for place, state in enumerate(states):
        one, score = measure_gradient(tiny_model, state.goals, state.image(), state.plan, generator(1))
        assert (found[place] - one[0]).norm() < 1e-5 * one.norm()
        assert_close(scores[place], score[0])


@pytest.mark.weights
def test_on_the_embedded_network_too(photos: list[Tensor]) -> None:
    model = load_model("efficientnet_lite0", device="cpu")
    plan = plan_for(objective="layer(blocks.3)", octaves=1, steps=1, strength=None)
    states = [start(model, plan, photo) for photo in photos]
    for state, image in zip(states, in_a_batch(model, states), strict=True):
        assert_close(image, by_itself(model, state), atol=1e-4, rtol=0)


def test_each_state_can_be_had_again_and_goes_on_alone(tiny_model: Model, photos: list[Tensor]) -> None:
    """As a checkpoint of one picture of the batch does, at any step."""
    plan = plan_for(**SHORT)
    states = [start(tiny_model, plan, photo) for photo in photos]
    for after in dream_batched(tiny_model, states):
        assert after.state is not None
        one = after.state.alone(1)
        assert one.plan == plan
        if after.state.number in (2, 3, 5):
            assert_close(by_itself(tiny_model, one), by_itself(tiny_model, states[1]), atol=ROUNDING, rtol=0)


def test_states_that_do_not_fit(tiny_model: Model, photos: list[Tensor]) -> None:
    plan = plan_for(**SHORT)
    first = start(tiny_model, plan, photos[0])
    for other, photo in (
        (plan, photos[1][..., :40]),
        (dataclasses.replace(plan, seed=1), photos[1]),
        (dataclasses.replace(plan, objective="layer(first)"), photos[1]),
    ):
        assert not fits_with(first, start(tiny_model, other, photo))
    ahead = next(iter(dream(tiny_model, plan, photos[1]))).state
    assert not fits_with(first, ahead)
    assert join([first]) is first


@pytest.mark.parametrize(
    "settings",
    [
        {"stop_at": "ssim=0.9", "strength": None},
        {"parameterization": "shared"},
        {"objective": 'guide(second, "input")'},
    ],
)
def test_what_neighbors_would_change_is_not_joined(
    settings: dict[str, Any], tiny_model: Model, photos: list[Tensor]
) -> None:
    plan = dataclasses.replace(plan_for(**SHORT), **settings)
    assert not may_join(plan, start(tiny_model, plan, photos[0]))


def spoiled_at(
    monkeypatch: pytest.MonkeyPatch, number: int, place: int, error: Exception | None = None
) -> None:
    """Let the score of one picture of a batch become NaN at a step, or the step fail."""
    advance = loop.advance

    def advanced(model: Model, state: State) -> State:
        after = advance(model, state)
        if len(state.source) == 3 and after.number == number:
            if error is not None:
                raise error
            assert after.score is not None
            score = after.score.clone()
            score[place] = float("nan")
            return dataclasses.replace(after, score=score)
        return after

    monkeypatch.setattr(loop, "advance", advanced)


def outcomes(model: Model, states: Sequence[State]) -> tuple[list[Together], dict[int, State]]:
    steps = list(dream_batched(model, states))
    return steps, {place: state for step in steps for place, state in step.left}


def test_a_picture_that_goes_bad_leaves_and_the_others_stay_as_they_are(
    tiny_model: Model, photos: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [start(tiny_model, plan_for(**SHORT), photo) for photo in photos]
    expected = [by_itself(tiny_model, state) for state in states]
    spoiled_at(monkeypatch, number=4, place=1)
    steps, left = outcomes(tiny_model, states)
    assert list(left) == [1]
    assert left[1].number == 2  # one before the last good one
    last = steps[-1]
    assert last.members == (0, 2)
    assert last.state is not None
    whole = torch.cat([expected[0], expected[2]])
    assert_close(full_size(last.state), whole, atol=ROUNDING, rtol=0)
    # Nothing is wrong with it alone.
    assert_close(by_itself(tiny_model, left[1]), expected[1], atol=ROUNDING, rtol=0)


def test_where_memory_runs_out_all_leave(
    tiny_model: Model, photos: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [start(tiny_model, plan_for(**SHORT), photo) for photo in photos]
    with monkeypatch.context() as patch:
        spoiled_at(patch, number=3, place=0, error=MemoryError())
        steps, left = outcomes(tiny_model, states)
    assert steps[-1].state is None
    assert {place: state.number for place, state in left.items()} == {0: 2, 1: 2, 2: 2}
    spoiled_at(monkeypatch, number=3, place=0, error=RuntimeError("another one"))
    with pytest.raises(RuntimeError, match="another one"):
        outcomes(tiny_model, states)


def test_how_many_go_together(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdream.dreaming import estimating

    plan = Plan(objective="layer(second)", batch=8)
    monkeypatch.setattr(estimating, "free_memory", lambda _: None)
    assert choose_batch(tiny_model, plan, 224, 224) == 8
    assert choose_batch(tiny_model, dataclasses.replace(plan, batch=3), 224, 224) == 3
    assert choose_batch(tiny_model, plan, 512, 512) == 2
    assert choose_batch(tiny_model, plan, 2000, 3000) == 1
    monkeypatch.setattr(estimating, "free_memory", lambda _: 50_000_000)
    few = choose_batch(tiny_model, plan, 224, 224)
    assert 1 <= few < 8
    monkeypatch.setattr(estimating, "free_memory", lambda _: 1)
    assert choose_batch(tiny_model, plan, 224, 224) == 1
