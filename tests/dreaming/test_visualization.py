"""Batches: many pictures in one network pass, each climbing for itself; and pictures that start from nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepdream.ascent import channel
from deepdream.ascent.objective_lists import join_goals, parse_goals
from deepdream.ascent.parameterizations import PARAMETERIZATIONS
from deepdream.dreaming import dream, render, start, visualize
from deepdream.dreaming.loop import advance
from deepdream.dreaming.result import full_size
from deepdream.dreaming.source_pictures import noise_picture
from deepdream.errors import UsageError
from deepdream.models import Model
from deepdream.plan import plan_for

GOALS = ("channel(second, 1)", "-channel(second, 4)", "layer(first) - 0.1*total_variation()")


def images(model: Model, plan_text: str, photo: Tensor, **settings: object) -> Tensor:
    plan = plan_for(objective=plan_text, steps=3, octaves=2, **settings)
    return list(dream(model, plan, photo))[-1].image


def test_goals_are_written_with_a_semicolon_between_them() -> None:
    goals = parse_goals(join_goals(GOALS))
    assert [str(goal) for goal in goals] == list(GOALS)
    with pytest.raises(UsageError, match="not complete"):
        parse_goals("layer(a);")


@pytest.mark.parametrize("preset", ["balanced", "classic", "lucid", "pixels"])
@pytest.mark.parametrize("batch", [1, 2, 8])
def test_each_picture_of_a_batch_is_the_one_it_would_be_alone(
    preset: str, batch: int, tiny_model: Model, photo: Tensor
) -> None:
    """Whatever its neighbors climb, and however many go through the network at once."""
    big = torch.nn.functional.interpolate(photo, (64, 80), mode="bilinear")
    options = {"preset": preset, "batch": batch}
    together = images(tiny_model, "; ".join(GOALS), big, **options)
    for index, goal in enumerate(GOALS):
        alone = images(tiny_model, goal, big, **options)
        torch.testing.assert_close(together[index : index + 1], alone, atol=2e-3, rtol=0)


def test_a_batch_of_photos_is_dreamed_at_once(tiny_model: Model, photo: Tensor) -> None:
    both = torch.cat([photo, 1 - photo])
    together = images(tiny_model, "layer(second)", both)
    for index in (0, 1):
        alone = images(tiny_model, "layer(second)", both[index : index + 1])
        torch.testing.assert_close(together[index : index + 1], alone, atol=2e-3, rtol=0)


def test_pictures_that_cannot_be_shared_out_are_refused(tiny_model: Model, photo: Tensor) -> None:
    plan = plan_for(objective="layer(first); layer(second)")
    with pytest.raises(
        UsageError, match="3 pictures cannot be shared out evenly among 2 objectives of 1 each"
    ):
        start(tiny_model, plan, photo.expand(3, -1, -1, -1))
    with pytest.raises(
        UsageError, match="3 pictures cannot be shared out evenly among 1 objectives of 2 each"
    ):
        start(tiny_model, plan_for(objective="layer(first)", pictures=2), photo.expand(3, -1, -1, -1))


def test_one_picture_is_not_made_from_a_plan_of_several(tiny_model: Model) -> None:
    with pytest.raises(UsageError, match="render_all"):
        render(tiny_model, noise_picture(40, 40, 0), plan_for(objective="layer(first); layer(second)"))


def test_a_visualization_has_a_picture_and_a_recipe_for_each_objective(tiny_model: Model) -> None:
    goals = [channel("second", 3), "-channel(second, 3)"]
    up, down = visualize(tiny_model, goals, size=(40, 48), steps=20, seed=3)
    assert up.pixels.shape == down.pixels.shape == (40, 48, 3)
    assert up.recipe.plan.objective == "channel(second, 3)"
    assert down.recipe.plan.objective == "-channel(second, 3)"
    assert up.recipe.plan.start == "noise"

    def answer(pixels: object) -> float:
        image = torch.as_tensor(pixels).permute(2, 0, 1)[None]
        return float(tiny_model.activations(image, ["second"])["second"][:, 3].mean())

    assert answer(up.pixels) > answer(noise_picture(40, 48, 3).pixels) > answer(down.pixels)


def test_the_picture_says_only_how_large_a_dream_from_noise_is(tiny_model: Model, photo: Tensor) -> None:
    plan = plan_for("lucid", objective="layer(second)", start="noise", steps=2)
    one, other = (list(dream(tiny_model, plan, image))[-1].image for image in (photo, 1 - photo))
    assert torch.equal(one, other)


def test_pictures_of_one_objective_start_from_different_noise(tiny_model: Model) -> None:
    made = visualize(tiny_model, ["channel(second, 1)", "channel(second, 2)"], size=40, steps=1, pictures=2)
    assert len(made) == 4
    assert (made[0].pixels != made[1].pixels).any()
    assert made[2].recipe.plan.objective == "channel(second, 2)"


def test_the_seed_decides_the_visualization(tiny_model: Model) -> None:
    one, same, other = (
        visualize(tiny_model, ["channel(second, 1)"], size=40, steps=2, seed=seed)[0].pixels
        for seed in (1, 1, 2)
    )
    assert (one == same).all()
    assert (one != other).any()


# What may change.

#: The rates suit what they move: weights of a network, radians, and the rest.
RATES = {"cppn": 0.01, "maco": 0.1}


@pytest.mark.parametrize("kind", PARAMETERIZATIONS)
@pytest.mark.parametrize("octaves", [1, 2])
def test_whatever_is_changed_climbs_from_noise(kind: str, octaves: int, tiny_model: Model) -> None:
    plan = plan_for(
        "lucid", objective="channel(second, 3); -channel(second, 3)", start="noise", steps=12, octaves=octaves,
        parameterization=kind, rate=RATES.get(kind, 0.05), jitter=0, zoom=0.0,
    )  # fmt: skip
    steps = list(dream(tiny_model, plan, torch.zeros(1, 3, 64, 72)))
    assert steps[-1].image.shape == (2, 3, 64, 72)
    score = steps[-1].state.score
    assert score is not None
    assert (score > steps[0].state.score).all()


@pytest.mark.parametrize("kind", [kind for kind in PARAMETERIZATIONS if kind != "shared"])
def test_whatever_is_changed_each_picture_is_the_one_it_would_be_alone(kind: str, tiny_model: Model) -> None:
    def made(goals: list[str]) -> list[Tensor]:
        options = {"parameterization": kind, "rate": RATES.get(kind, 0.05), "steps": 3, "size": (40, 48)}
        return [torch.as_tensor(one.pixels) for one in visualize(tiny_model, goals, **options)]  # type: ignore[arg-type]

    goals = ["channel(second, 1)", "-channel(second, 4)"]
    for together, goal in zip(made(goals), goals, strict=True):
        torch.testing.assert_close(together, made([goal])[0], atol=2e-3, rtol=0)


@pytest.mark.parametrize("kind", ["cppn", "maco"])
def test_what_cannot_hold_a_photo_refuses_one(kind: str, tiny_model: Model, photo: Tensor) -> None:
    plan = plan_for("lucid", objective="layer(second)", parameterization=kind)
    with pytest.raises(
        UsageError, match=f"'{kind}' cannot hold a given picture exactly. Use `deepdream visualize`"
    ):
        start(tiny_model, plan, photo)
    for wanted in ({"strength": 0.1}, {"stop_at": "l2=0.1"}):
        with pytest.raises(UsageError, match="cannot scale its change afterwards"):
            start(tiny_model, plan_for("lucid", parameterization=kind, start="noise", **wanted), photo)


@pytest.mark.parametrize("kind", ["cppn", "maco"])
def test_one_that_is_stopped_early_is_brought_to_full_size(kind: str, tiny_model: Model) -> None:
    plan = plan_for(
        "lucid", objective="layer(second)", parameterization=kind, start="noise", octaves=2, octave_scale=2.0,
        steps=2, detail=False, rate=RATES[kind],
    )  # fmt: skip
    state = advance(tiny_model, start(tiny_model, plan, torch.zeros(1, 3, 64, 80)))
    assert (state.size.height, state.size.width) == (32, 40)
    full = full_size(state)
    assert full.shape == (1, 3, 64, 80)
    small = torch.nn.functional.interpolate(full, (32, 40), mode="bilinear", antialias=True)
    assert float((small - state.image()).abs().mean()) < 0.05
