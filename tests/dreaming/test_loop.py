"""The one loop: what it checks, what it leaves alone, and where it ends."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch
from torch import Tensor, nn

from deepdream.ascent.parameterizations import parameterization_for
from deepdream.dreaming import State, advance, dream, start
from deepdream.dreaming.fitting import sizes_for
from deepdream.errors import DeepDreamError, UnknownNameError, UsageError
from deepdream.models import Model
from deepdream.plan import PRESETS, Plan, plan_for
from deepdream.tensors import root_mean_square

OF_PICTURES = [name for name in PRESETS if parameterization_for(plan_for(name)).exact]

SHORT = {"objective": "layer(second)", "steps": 3, "octaves": 2}


def last_image(model: Model, plan: Plan, image: Tensor) -> Tensor:
    return list(dream(model, plan, image))[-1].image


def snapshot(state: State) -> dict[str, Tensor]:
    tensors = {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}
    return {name: value.clone() for name, value in tensors.items() if isinstance(value, Tensor)}


# Before the first step.


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        (Plan(objective="layer(secnd)"), UnknownNameError, "No layer 'secnd' in tiny. Did you mean 'second'"),
        (Plan(objective="layer(second"), UsageError, "is not complete"),
        (Plan(objective="channel(second, 12)"), UsageError, "there is no channel 12"),
        (Plan(objective="logit(5)"), UsageError, "there is no class 5"),
        (Plan(objective="logit(-1)"), UsageError, "there is no class -1"),
    ],
)
def test_a_wrong_plan_is_refused_before_the_first_next(
    plan: Plan, error: type[Exception], message: str, tiny_model: Model, photo: Tensor
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        dream(tiny_model, plan, photo)


@pytest.mark.parametrize("shape", [(3, 8, 8), (0, 3, 8, 8), (1, 1, 8, 8), (1, 4, 8, 8)])
def test_a_wrong_shape_is_refused_before_the_first_next(shape: tuple[int, ...], tiny_model: Model) -> None:
    with pytest.raises(UsageError, match="A dream starts from pictures"):
        dream(tiny_model, Plan(), torch.zeros(shape))


def test_nothing_to_dream_of(tiny_model: Model) -> None:
    with pytest.raises(UsageError, match="A dream needs a picture, or a state"):
        dream(tiny_model, Plan())


class Hungry(nn.Module):
    """Needs 21 pixels: two unpadded convolutions of kernel 11."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 2, 11)
        self.b = nn.Conv2d(2, 2, 11)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x)).mean((2, 3))


def test_a_picture_too_small_for_the_layer(photo: Tensor) -> None:
    model = Model.wrap(Hungry(), input_size=64, name="hungry")
    plan = Plan(objective="layer(b)")
    with pytest.raises(UsageError, match="hungry needs at least 21x21 pixels at b; this picture has 64x20"):
        dream(model, plan, photo[:, :, :20])
    assert sizes_for(plan, model, 21, 64)[-1].height == 21
    with pytest.raises(UsageError, match="needs at least 42x42 pixels"):  # a view may be half as large
        dream(model, dataclasses.replace(plan, zoom=0.5), photo[:, :, :40])


def test_a_random_scale_never_goes_below_what_the_network_takes() -> None:
    model = Model.wrap(Hungry(), input_size=64)
    plan = Plan(objective="layer(b)", zoom=0.5, octaves=1, steps=25)
    for seed in range(3):
        steps = list(dream(model, dataclasses.replace(plan, seed=seed), torch.rand(1, 3, 42, 43)))
        assert len(steps) == 25


@pytest.mark.parametrize("preset", OF_PICTURES)
def test_a_network_of_one_size(preset: str, small_network: nn.Module, photo: Tensor) -> None:
    model = Model.wrap(small_network, input_size=64, fixed=True, name="vit")
    plan = plan_for(preset, objective="layer(second)", steps=2)
    with pytest.raises(
        UsageError, match=r"vit needs exactly 64x64 pixels at second; this picture has 64x48\."
    ):
        dream(model, plan, photo)
    square = torch.nn.functional.interpolate(photo, (64, 64))
    steps = list(dream(model, plan, square))
    assert [step.octave for step in steps] == [1, 1]


# The steps.


def test_steps_are_numbered_through_all_octaves(tiny_model: Model, photo: Tensor) -> None:
    big = torch.nn.functional.interpolate(photo, (96, 128), mode="bilinear")
    steps = list(
        dream(tiny_model, Plan(objective="layer(second)", steps=2, octaves=3, octave_scale=1.5), big)
    )
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6]
    assert {step.total for step in steps} == {6}
    assert [step.octave for step in steps] == [1, 1, 2, 2, 3, 3]
    assert [step.last for step in steps] == [False] * 5 + [True]
    sizes = [tuple(step.image.shape[2:]) for step in steps]
    assert sizes == [(43, 57)] * 2 + [(64, 85)] * 2 + [(96, 128)] * 2
    assert all(step.score > 0 for step in steps)
    assert all(0 <= float(step.image.min()) <= float(step.image.max()) <= 1 for step in steps)


def test_small_octaves_are_left_out_and_the_picture_itself_never(tiny_model: Model) -> None:
    """The floor is 32 pixels or twice the layer's stride, whichever is larger."""
    plan = Plan(objective="layer(second)", octaves=5, octave_scale=2.0)
    assert [(o.height, o.width) for o in sizes_for(plan, tiny_model, 130, 200)] == [
        (32, 50),
        (65, 100),
        (130, 200),
    ]
    assert [(o.height, o.width) for o in sizes_for(plan, tiny_model, 20, 3000)] == [(20, 3000)]


@pytest.mark.parametrize("size", [(20, 3000), (3000, 3), (1, 1), (2, 7)])
@pytest.mark.parametrize("preset", OF_PICTURES)
def test_strange_sizes_are_dreamed(size: tuple[int, int], preset: str, tiny_model: Model) -> None:
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    plan = plan_for(preset, objective="layer(second)", steps=2)
    if plan.transforms and size == (1, 1):  # one pixel is moved out of sight
        with pytest.raises(DeepDreamError, match=r"The gradient of layer.second. is zero everywhere"):
            last_image(tiny_model, plan, image)
        return
    out = last_image(tiny_model, plan, image)
    assert out.shape == image.shape
    assert out.isfinite().all()


@pytest.mark.parametrize("preset", OF_PICTURES)
def test_every_recipe_climbs(preset: str, tiny_model: Model, photo: Tensor) -> None:
    plan = dataclasses.replace(
        plan_for(preset, objective="layer(second)", octaves=1, steps=10), jitter=0, zoom=0.0
    )
    steps = list(dream(tiny_model, plan, photo))
    assert steps[-1].score > steps[0].score
    assert root_mean_square(steps[-1].image - photo) > 0.005


@pytest.mark.parametrize("preset", OF_PICTURES)
def test_the_seed_decides_every_byte(preset: str, tiny_model: Model, photo: Tensor) -> None:
    one, same, other = (
        last_image(tiny_model, plan_for(preset, **SHORT, seed=seed), photo).numpy().tobytes()
        for seed in (7, 7, 8)
    )
    assert one == same
    assert one != other


def test_a_dream_does_not_touch_the_global_random_state(tiny_model: Model, photo: Tensor) -> None:
    before = torch.random.get_rng_state()
    last_image(tiny_model, Plan(**SHORT), photo)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("preset", OF_PICTURES)
def test_advancing_leaves_the_state_as_it_was(preset: str, tiny_model: Model, photo: Tensor) -> None:
    state = start(tiny_model, plan_for(preset, **SHORT), photo)
    while not state.done:
        before = snapshot(state)
        following, again = advance(tiny_model, state), advance(tiny_model, state)
        assert all(torch.equal(value, before[name]) for name, value in snapshot(state).items())
        assert torch.equal(following.parameters, again.parameters)
        assert torch.equal(following.rng_state, again.rng_state)
        state = following


def test_the_picture_that_was_given_is_not_changed(tiny_model: Model, photo: Tensor) -> None:
    before = photo.clone()
    last_image(tiny_model, plan_for("classic", **SHORT), photo)
    assert torch.equal(photo, before)


@pytest.mark.parametrize("preset", OF_PICTURES)
def test_going_on_from_a_state_is_the_uninterrupted_dream(
    preset: str, tiny_model: Model, photo: Tensor
) -> None:
    big = torch.nn.functional.interpolate(photo, (64, 80), mode="bilinear")
    plan = plan_for(preset, **SHORT)
    steps = list(dream(tiny_model, plan, big))
    for stop in (0, len(steps) // 2):
        resumed = list(dream(tiny_model, plan, state=steps[stop].state))
        assert torch.equal(resumed[-1].image, steps[-1].image)
        assert resumed[0].number == steps[stop].number + 1


def test_the_plan_in_the_state_names_the_layer(tiny_model: Model, photo: Tensor) -> None:
    state = start(tiny_model, Plan(), photo)
    assert state.plan.objective == f"layer({tiny_model.recommended_layer})"


# Strength.


@pytest.mark.parametrize("preset", OF_PICTURES)
@pytest.mark.parametrize("strength", [0.02, 0.06])
def test_the_wanted_strength_is_reached(
    preset: str, strength: float, tiny_model: Model, photo: Tensor
) -> None:
    plan = plan_for(preset, objective="layer(second)", steps=8, octaves=2, strength=strength)
    out = last_image(tiny_model, plan, (photo * 1.2).clamp(0, 1))
    assert 0 <= float(out.min()) <= float(out.max()) <= 1
    assert root_mean_square(out - (photo * 1.2).clamp(0, 1)) == pytest.approx(strength, abs=1e-3)


def test_strength_zero_is_the_picture_itself(tiny_model: Model, photo: Tensor) -> None:
    out = last_image(tiny_model, Plan(**SHORT, strength=0.0), photo)
    torch.testing.assert_close(out, photo, atol=1e-5, rtol=0)


def test_an_unreachable_strength_still_gives_a_legal_picture(tiny_model: Model, photo: Tensor) -> None:
    out = last_image(tiny_model, plan_for("classic", **SHORT, strength=1.0), photo)
    assert 0 <= float(out.min()) <= float(out.max()) <= 1


def test_an_objective_that_does_not_move_the_picture(tiny_model: Model, photo: Tensor) -> None:
    with pytest.raises(DeepDreamError, match="nothing moves the picture"):
        last_image(tiny_model, Plan(objective="0*layer(second)", steps=2), photo)


def test_an_objective_without_a_network_smooths(tiny_model: Model, photo: Tensor) -> None:
    noisy = (photo + 0.1 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    plan = plan_for("classic", objective="-total_variation()", octaves=1, steps=20)
    out = last_image(tiny_model, plan, noisy)
    assert float(out.diff(dim=3).abs().mean()) < 0.8 * float(noisy.diff(dim=3).abs().mean())


@pytest.mark.parametrize("field", ["calm", "color", "jitter", "blur", "octave_scale", "zoom"])
def test_every_setting_has_an_effect(field: str, tiny_model: Model, photo: Tensor) -> None:
    big = torch.nn.functional.interpolate(photo, (64, 80), mode="bilinear")
    other = {"calm": 0.1, "color": 0.1, "jitter": 3, "blur": 2.0, "octave_scale": 1.2, "zoom": 0.2}
    one = last_image(tiny_model, Plan(**SHORT), big)
    assert not torch.equal(last_image(tiny_model, Plan(**SHORT, **{field: other[field]}), big), one)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("smoothing", ("none", "gaussian", "cascade", "laplacian")),
        ("parameterization", ("pixels", "logit", "fourier", "laplacian", "shared")),
        ("optimizer", ("ascent", "adam")),
        ("normalization", ("mean-abs", "std", "none")),
        ("detail", (True, False)),
    ],
)
def test_every_choice_gives_another_picture(
    field: str, values: tuple[object, ...], tiny_model: Model, photo: Tensor
) -> None:
    big = torch.nn.functional.interpolate(photo, (64, 80), mode="bilinear")
    plans = [Plan(**SHORT, strength=None, **{field: value}) for value in values]
    pictures = {last_image(tiny_model, plan, big).numpy().tobytes() for plan in plans}
    assert len(pictures) == len(values)


# The network.


def test_the_network_is_the_same_afterwards(small_network: nn.Module, photo: Tensor) -> None:
    small_network.train()
    small_network.norm.eval()
    small_network.first.weight.requires_grad_(False)
    parts = dict(small_network.named_modules())

    def seen() -> tuple[object, ...]:
        return (
            [(name, value.clone().numpy().tobytes()) for name, value in small_network.state_dict().items()],
            [(name, p.requires_grad, p.grad) for name, p in small_network.named_parameters()],
            [(name, part.training, getattr(part, "inplace", None)) for name, part in parts.items()],
            [sum(map(len, (p._forward_hooks, p._forward_pre_hooks, p._backward_hooks))) for p in parts.values()],
            [id(part) for part in small_network.modules()],
        )  # fmt: skip

    before = seen()
    model = Model.wrap(small_network, input_size=64)
    for preset in OF_PICTURES:
        last_image(model, plan_for(preset, **SHORT), photo)
    with pytest.raises(UsageError):
        dream(model, Plan(objective="channel(second, 99)"), photo)
    stopped = dream(model, Plan(**SHORT), photo)
    next(stopped)
    stopped.close()
    assert seen() == before


def test_no_hook_stays_on_the_prepared_copy(tiny_model: Model, photo: Tensor) -> None:
    steps = dream(tiny_model, Plan(**SHORT), photo)
    for _ in steps:
        copies = [part for part in tiny_model.__dict__.values() if isinstance(part, nn.Module)]
        assert sum(len(part._forward_hooks) for copy in copies for part in copy.modules()) == 0


# Numbers that go bad.


@pytest.fixture
def treacherous(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> tuple[Model, dict[int, float]]:
    """A model, and which of its gradients (from 1) are multiplied by what."""
    from deepdream.dreaming import loop

    measured, count, bad = loop.measure_gradient, [0], {}

    def planted(*words: object, **more: object) -> tuple[Tensor, Tensor]:
        count[0] += 1
        gradient, score = measured(*words, **more)  # type: ignore[arg-type]
        return gradient * bad.get(count[0], 1.0), score

    monkeypatch.setattr(loop, "measure_gradient", planted)
    return tiny_model, bad


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 0.0])
@pytest.mark.parametrize("at", [1, 3, 4, 6])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_bad_gradient_is_gone_around_with_smaller_steps(
    factor: float, at: int, times: int, treacherous: tuple[Model, dict[int, float]], photo: Tensor
) -> None:
    model, bad = treacherous
    bad.update(dict.fromkeys(range(at, at + times), factor))
    steps = list(dream(model, plan_for(objective="layer(second)", octaves=2, steps=3, strength=None), photo))
    assert steps[-1].last
    assert steps[-1].image.isfinite().all()
    assert steps[-1].state.pace < 1
    assert all(step.score < float("inf") for step in steps)


@pytest.mark.parametrize(
    ("factor", "words"), [(float("nan"), "left the range of numbers"), (0.0, "is zero everywhere")]
)
def test_three_tries_and_then_a_clear_error(
    factor: float, words: str, treacherous: tuple[Model, dict[int, float]], photo: Tensor
) -> None:
    model, bad = treacherous
    bad.update(dict.fromkeys(range(3, 300), factor))
    steps = dream(model, plan_for(objective="layer(second)", octaves=1, steps=9), photo)
    with pytest.raises(DeepDreamError, match=f"{words} .*at step .* again 3 times"):
        list(steps)


def test_parameters_that_explode_are_taken_back(tiny_model: Model, photo: Tensor) -> None:
    """A rate that overflows the logits is refused with its remedy and leaves no picture."""
    state = start(tiny_model, plan_for("natural", objective="layer(second)", normalization="none"), photo)
    burst = dataclasses.replace(
        state, pace=torch.tensor([1e38], dtype=torch.float64), plan=dataclasses.replace(state.plan, rate=10.0)
    )
    with pytest.raises(DeepDreamError, match="Choose a smaller --rate"):
        list(dream(tiny_model, burst.plan, state=burst))


def test_an_objective_that_no_recipe_could_hold_is_refused(tiny_model: Model, photo: Tensor) -> None:
    long = " + ".join(["direction(second, [0.123456789, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])"] * 40)
    with pytest.raises(UsageError, match=r"a recipe holds 2000\. Put a long direction into a \.npy file"):
        dream(tiny_model, Plan(objective=long), photo)


def test_a_head_of_zeros_is_named_where_it_stops_a_dream(
    small_network: torch.nn.Module, photo: Tensor
) -> None:
    small_network.head.weight.data.zero_()
    model = Model.wrap(small_network, mean=(0.5,), std=(0.25,), name="blank", input_size=64)
    with pytest.raises(
        DeepDreamError, match=r"All of head.weight in blank are zero: train it, or climb a layer before"
    ):
        list(dream(model, plan_for(objective="logit(3)", octaves=1, steps=2), photo))
    assert list(dream(model, plan_for(objective="layer(second)", octaves=1, steps=2), photo))[-1].last


@pytest.mark.parametrize(
    ("relu", "words"), [("true", "--relu redirected wakes them"), ("redirected", "Choose another")]
)
def test_a_dead_gradient_says_what_wakes_dead_units(
    relu: str, words: str, treacherous: tuple[Model, dict[int, float]], photo: Tensor
) -> None:
    model, bad = treacherous
    bad.update(dict.fromkeys(range(1, 300), 0.0))
    with pytest.raises(DeepDreamError, match=words):
        list(dream(model, plan_for(objective="layer(second)", octaves=1, steps=2, relu=relu), photo))
