"""Transparent pictures from beginning to end: every parameterization, resume, batches, and where they are opaque."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from deepdream.ascent.parameterizations import PARAMETERIZATIONS
from deepdream.ascent.transparency import laid_over
from deepdream.dreaming import dream, render, start, visualize
from deepdream.dreaming.checkpoint import read_checkpoint, write_checkpoint
from deepdream.dreaming.loop import advance
from deepdream.dreaming.ongoing import dream_of
from deepdream.dreaming.result import full_size
from deepdream.dreaming.source_pictures import noise_picture
from deepdream.dreaming.visualization import visualization_plan
from deepdream.errors import UsageError
from deepdream.images import read_picture
from deepdream.models import Model
from deepdream.plan import plan_for

KINDS = [kind for kind in PARAMETERIZATIONS if kind != "cppn"]
RATES = {"maco": 0.1}
GOALS = ["channel(second, 1)", "-channel(second, 4)"]


def plan_of(kind: str, **settings: object) -> object:
    options = {"parameterization": kind, "rate": RATES.get(kind, 0.05), "steps": 4, "alpha": True, **settings}
    return visualization_plan([GOALS[0]], **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("octaves", [1, 2])
def test_every_kind_starts_half_transparent_and_climbs(kind: str, octaves: int, tiny_model: Model) -> None:
    plan = visualization_plan(
        GOALS, parameterization=kind, rate=RATES.get(kind, 0.05), steps=12, octaves=octaves, jitter=0,
        transforms="", alpha=True, alpha_weight=0.0,
    )  # fmt: skip
    first = start(tiny_model, plan, torch.zeros(1, 3, 64, 72))
    opacity = first.opacity()
    assert opacity is not None
    assert float((opacity - 0.5).abs().max()) < 0.1
    steps = list(dream(tiny_model, plan, state=first))
    assert steps[-1].state.canvas().shape == (2, 4, 64, 72)
    assert steps[-1].image.shape == (2, 3, 64, 72)

    def answer(state: object) -> Tensor:
        """On a gray ground, what each picture was to raise."""
        seen = laid_over(state.canvas(), torch.tensor(0.5))  # type: ignore[attr-defined]
        found = tiny_model.activations(seen, ["second"])["second"].mean(dim=(2, 3))
        return torch.stack([found[0, 1], -found[1, 4]])

    assert (answer(steps[-1].state) > answer(first)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_put_aside_and_gone_on_with_it_is_the_same_bit_for_bit(
    kind: str, tiny_model: Model, tmp_path: Path
) -> None:
    plan = plan_of(kind)
    whole = render(tiny_model, noise_picture(40, 48, 0), plan)  # type: ignore[arg-type]
    state = start(tiny_model, plan, torch.zeros(1, 3, 40, 48))  # type: ignore[arg-type]
    for _ in range(2):
        state = advance(tiny_model, state)
    ongoing = dream_of(
        tiny_model, noise_picture(40, 48, 0), state, alpha=None, decided_by="", value_range="auto"
    )
    write_checkpoint(tmp_path / "s", replace(ongoing, state=state))
    back = read_checkpoint(tmp_path / "s")[0].state
    last = list(dream(tiny_model, back.plan, state=back))[-1].state
    assert np.array_equal(whole.pixels, full_size(last)[0].permute(1, 2, 0).numpy())
    opacity = last.opacity()
    assert opacity is not None
    assert np.array_equal(whole.alpha, opacity[0, 0].numpy())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "shared"])
def test_each_transparent_picture_of_a_batch_is_the_one_it_would_be_alone(
    kind: str, tiny_model: Model
) -> None:
    options = {"parameterization": kind, "rate": RATES.get(kind, 0.05), "steps": 3, "size": (40, 48)}
    together = visualize(tiny_model, GOALS, alpha=True, **options)  # type: ignore[arg-type]
    for one, goal in zip(together, GOALS, strict=True):
        (alone,) = visualize(tiny_model, [goal], alpha=True, **options)  # type: ignore[arg-type]
        assert np.abs(one.pixels - alone.pixels).max() < 2e-3
        assert np.abs(one.alpha - alone.alpha).max() < 2e-3


def test_the_more_opacity_weighs_the_less_there_is_of_it(tiny_model: Model) -> None:
    found = [
        visualize(tiny_model, [GOALS[0]], size=48, steps=30, rate=0.2, alpha=True, alpha_weight=weight)[0]
        for weight in (0.0, 0.3, 1.0, 3.0)
    ]
    opaque = [one.measures.mean_alpha for one in found]
    assert opaque == sorted(opaque, reverse=True)
    assert opaque[0] > 2 * opaque[-1]  # type: ignore[operator]
    for one in found:
        assert one.measures.mean_alpha == pytest.approx(float(one.alpha.mean()), abs=1e-6)  # type: ignore[union-attr]
        assert one.recipe.measures["mean_alpha"] == pytest.approx(one.measures.mean_alpha, abs=1e-6)


@pytest.mark.parametrize("preset", ["lucid", "maco"])
def test_it_is_opaque_where_the_objective_lives(preset: str, tiny_model: Model) -> None:
    """A neuron sees 7 of the 64 pixels across (two 3x3 convolutions of stride 2)."""
    settings = {"rate": 0.05} if preset == "lucid" else {"rate": 0.1}
    (made,) = visualize(
        tiny_model, ["neuron(second, 1, 0.5, 0.5)"], size=64, steps=40, preset=preset, transforms="", alpha=True,
        **settings,
    )  # fmt: skip
    assert made.alpha is not None
    inside = made.alpha[29:36, 29:36].mean()
    assert inside > made.alpha.mean() + 0.2


def test_a_transparent_picture_is_saved_with_its_alpha(tiny_model: Model, tmp_path: Path) -> None:
    (made,) = visualize(tiny_model, [GOALS[0]], size=40, steps=3, alpha=True)
    for bits, name in ((8, "a.png"), (16, "b.png"), (16, "c.tif"), (8, "d.webp")):
        made.save(tmp_path / name, bits=bits)
        alpha = read_picture(tmp_path / name).alpha
        assert alpha is not None
        assert np.abs(alpha - made.alpha).max() <= 0.5 / (2**bits - 1) + 1e-6


def test_a_dream_of_a_photo_records_no_alpha(tiny_model: Model, photo: Tensor) -> None:
    made = render(tiny_model, noise_picture(40, 40, 0), plan_for(objective="layer(second)", steps=1))
    assert made.measures.mean_alpha is None
    assert "mean_alpha" not in made.recipe.measures


def test_a_transparent_picture_takes_half_the_rate_and_a_third_more_steps() -> None:
    plan, own = visualization_plan(["layer(a)"], alpha=True), plan_for("lucid")
    assert (plan.rate, plan.steps) == (own.rate / 2, 256)
    assert visualization_plan(["layer(a)"], alpha=True, rate=0.1, steps=3).rate == 0.1
    assert visualization_plan(["layer(a)"]).rate == own.rate


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"parameterization": "cppn"}, "A cppn cannot be transparent: choose another"),
        ({"start": "picture"}, "made from noise: use `deepdream visualize --alpha`"),
        ({"strength": 0.1}, "A transparent picture cannot scale its change afterwards"),
        ({"keep": "color"}, "has no original"),
        ({"blend": 0.5}, "has no original"),
        ({"mask": "m.png"}, "has no original"),
    ],
)
def test_what_only_a_photograph_has_is_refused(
    settings: dict[str, object], words: str, tiny_model: Model, photo: Tensor
) -> None:
    plan = replace(plan_for("lucid", alpha=True, start="noise"), **settings)
    with pytest.raises(UsageError, match=words):
        start(tiny_model, plan, photo)
