"""One gradient, seen through random offsets and scales, and undone again."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from deepdream.ascent import Objective, channel, direction, distance, layer, logit, total_variation
from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.objectives import Reference
from deepdream.models import Model
from deepdream.plan import Plan
from deepdream.tensors import generator


class Circular(nn.Module):
    """A network that does not notice a roll: stride 1, borders joined."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, padding_mode="circular")
        self.deep = nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular")

    def forward(self, x: Tensor) -> Tensor:
        return self.deep(self.conv(x).relu()).mean((2, 3))


@pytest.fixture
def circular() -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return Model.wrap(Circular(), input_size=32)


class Recorder:
    """A network that only notes what it is shown."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def activations(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        self.seen.append(image.detach().clone())
        return {name: image.square() for name in layers}


def test_the_offset_is_undone(circular: Model, photo: Tensor) -> None:
    """For a network that does not notice a roll, the gradient is the same at every offset."""
    still, _ = measure_gradient(circular, layer("deep"), photo, Plan(jitter=0), generator(0))
    for seed in range(5):
        rolled, _ = measure_gradient(circular, layer("deep"), photo, Plan(jitter=16), generator(seed))
        torch.testing.assert_close(rolled, still, atol=1e-8, rtol=1e-3)


def test_the_network_sees_a_rolled_picture(photo: Tensor) -> None:
    recorder, rng = Recorder(), generator(3)
    for _ in range(40):
        measure_gradient(recorder, layer("any"), photo, Plan(jitter=8), rng)
    offsets = set()
    for seen in recorder.seen:
        found = [
            (down, right)
            for down in range(-8, 9)
            for right in range(-8, 9)
            if torch.equal(seen, torch.roll(photo, (down, right), dims=(2, 3)))
        ]
        assert len(found) == 1
        offsets.add(found[0])
    assert len(offsets) > 20
    assert {-8, 8} <= {offset for pair in offsets for offset in pair}  # both ends are drawn


def test_a_small_picture_is_rolled_by_a_quarter_at_most() -> None:
    recorder, rng = Recorder(), generator(0)
    image = torch.rand(1, 3, 4, 40, generator=generator(1))
    for _ in range(60):
        measure_gradient(recorder, layer("any"), image, Plan(jitter=32), rng)
    far = {(down, right) for down in range(-1, 2) for right in range(-10, 11)}
    for seen in recorder.seen:
        assert any(torch.equal(seen, torch.roll(image, offset, dims=(2, 3))) for offset in far)


def test_the_scale_changes_within_its_range(photo: Tensor) -> None:
    recorder, rng = Recorder(), generator(0)
    for _ in range(30):
        gradient, _ = measure_gradient(recorder, layer("any"), photo, Plan(jitter=0, zoom=0.25), rng)
        assert gradient.shape == photo.shape
    heights = [seen.shape[2] / photo.shape[2] for seen in recorder.seen]
    assert 0.74 <= min(heights) < 0.85
    assert 1.15 < max(heights) <= 1.26
    for seen in recorder.seen:
        assert seen.shape[3] / photo.shape[3] == pytest.approx(seen.shape[2] / photo.shape[2], abs=0.03)


def test_the_same_generator_gives_the_same_gradient(tiny_model: Model, photo: Tensor) -> None:
    plan = Plan(zoom=0.2)
    one, same, other = (
        measure_gradient(tiny_model, layer("second"), photo, plan, generator(seed))[0] for seed in (4, 4, 5)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_global_random_state_is_not_touched(tiny_model: Model, photo: Tensor) -> None:
    before = torch.random.get_rng_state()
    measure_gradient(tiny_model, layer("second"), photo, Plan(zoom=0.2), generator(0))
    assert torch.equal(torch.random.get_rng_state(), before)


def _gradient(model: Model, objective: Objective, photo: Tensor) -> Tensor:
    return measure_gradient(model, objective, photo, Plan(jitter=0), generator(0))[0]


def _unit(gradient: Tensor) -> Tensor:
    """Of root mean square one, divided by the number of values: what a mean over the pixels has as its gradient."""
    return gradient / (gradient.square().mean().sqrt() * gradient.numel())


def test_one_term_is_not_drowned_by_another(tiny_model: Model, photo: Tensor) -> None:
    """Terms whose gradients differ a lot have equal says; the score itself stays as it is."""
    bright = dataclasses.replace(tiny_model.preprocessing, std=(1e-3,) * 3)
    model = Model(tiny_model.module, preprocessing=bright)
    strong, weak = layer("first"), channel("second", 1)
    alone = [_gradient(model, objective, photo) for objective in (strong, weak)]
    assert alone[0].norm() > 10 * alone[1].norm()
    both, score = measure_gradient(model, strong + weak, photo, Plan(jitter=0), generator(0))
    torch.testing.assert_close(both, sum(map(_unit, alone)), rtol=1e-3, atol=1e-9)
    parts = [measure_gradient(model, one, photo, Plan(jitter=0), generator(0))[1] for one in (strong, weak)]
    torch.testing.assert_close(score, parts[0] + parts[1])


def test_a_weight_is_how_hard_a_term_pushes(tiny_model: Model, photo: Tensor) -> None:
    """Every kind alike, up or down; penalties in their own units."""
    first, second, third = (
        _unit(_gradient(tiny_model, one, photo)) for one in (layer("first"), channel("second", 1), logit(2))
    )
    penalty = _gradient(tiny_model, total_variation(), photo)
    got = _gradient(
        tiny_model,
        3 * layer("first") + 2 * channel("second", 1) - 0.5 * logit(2) - 0.25 * total_variation(),
        photo,
    )
    expected = 3 * first + 2 * second - 0.5 * third - 0.25 * penalty
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-9)


def test_a_score_that_passes_through_zero_does_not_explode(tiny_model: Model, photo: Tensor) -> None:
    """Divided by its own score, a term whose score is near zero would drown everything beside it."""
    means = tiny_model.activations(photo, ["second"])["second"].mean((0, 2, 3))
    vector = torch.randn(12, generator=generator(0))
    vector = vector - means * (vector @ means) / (means @ means)
    balanced = direction("second", vector.tolist())
    assert abs(float(measure_gradient(tiny_model, balanced, photo, Plan(jitter=0), generator(0))[1])) < 1e-5
    both = _gradient(tiny_model, layer("first") + balanced, photo)
    one = _unit(_gradient(tiny_model, layer("first"), photo))
    assert float((both - one).norm()) == pytest.approx(float(one.norm()), rel=1e-3)


def test_a_term_may_stand_there_twice(tiny_model: Model, photo: Tensor) -> None:
    one = layer("second")
    torch.testing.assert_close(
        _gradient(tiny_model, one + one, photo), 2 * _unit(_gradient(tiny_model, one, photo))
    )


def test_a_dead_term_says_nothing(photo: Tensor) -> None:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.live, self.dead = nn.Conv2d(3, 4, 3), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            x = self.live(x)
            return (x + self.dead(x - 100)).mean((2, 3))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = Model.wrap(Dead(), input_size=32)
    both = _gradient(model, layer("live") + layer("dead"), photo)
    torch.testing.assert_close(both, _unit(_gradient(model, layer("live"), photo)))


def test_a_penalty_pushes_less_the_better_it_is_met(tiny_model: Model, photo: Tensor) -> None:
    """Divided by its own size it would push the more, without bounds."""
    plan, found = Plan(jitter=0), {Reference("picture", "input"): photo}
    pushes = []
    for away in (0.1, 0.01, 0.0):
        image = photo + away
        with_it, without = (
            measure_gradient(tiny_model, objective, image, plan, generator(0), references=found)[0]
            for objective in (layer("second") - distance() - 0 * distance(), layer("second") - 0 * distance())
        )
        pushes.append(float((with_it - without).norm()))
    assert pushes[0] == pytest.approx(10 * pushes[1], rel=1e-2)
    assert pushes[2] == pytest.approx(0, abs=1e-9)


def test_google_s_half_sum_is_not_balanced(tiny_model: Model, photo: Tensor) -> None:
    plan = Plan(jitter=0, reduction="half-sum")
    parts = [
        weight * measure_gradient(tiny_model, layer(name), photo, plan, generator(0))[0]
        for weight, name in ((1.0, "first"), (0.5, "second"))
    ]
    both, _ = measure_gradient(tiny_model, layer("first") + 0.5 * layer("second"), photo, plan, generator(0))
    torch.testing.assert_close(both, sum(parts), rtol=1e-4, atol=1e-6)


def test_an_objective_without_a_layer_needs_no_network(photo: Tensor) -> None:
    gradient, score = measure_gradient(None, -total_variation(), photo, Plan(jitter=0), generator(0))  # type: ignore[arg-type]
    assert float(score) < 0
    assert gradient.abs().sum() > 0


def test_only_the_wanted_channel_is_climbed(tiny_model: Model, photo: Tensor) -> None:
    one, two = (
        measure_gradient(tiny_model, channel("second", index), photo, Plan(jitter=0), generator(0))[0]
        for index in (0, 1)
    )
    assert not torch.allclose(one, two)
