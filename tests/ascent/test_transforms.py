"""Random changes before a gradient: what each does, that they can be written down, and that gradients go through."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from deepdream.ascent import channel, parse_objective
from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.random_changes import LANGUAGE, Crops, Jitter, Noise, Pad, Resize, Roll, Rotate, Scale
from deepdream.ascent.term_inputs import INPUT, Reference
from deepdream.ascent.transforms import draw_all, join_transforms, parse_transforms, side_needed
from deepdream.dreaming import dream
from deepdream.dreaming.fitting import sizes_for
from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Model
from deepdream.plan import Plan, plan_for
from deepdream.tensors import generator

EXAMPLES = (
    Pad(12), Roll(5), Jitter(8), Scale(0.9, 1.1), Rotate(-10, 10), Crops(3, 0.3, 0.7, 24), Noise(0.05), Resize(30, 31),
)  # fmt: skip
LUCID = "pad(12) + jitter(8) + scale(0.9, 1.1) + rotate(-10, 10) + jitter(4)"


def apply(one: object, image: Tensor, seed: int = 0) -> Tensor:
    return draw_all([one], *image.shape[-2:], generator(seed))(image)  # type: ignore[list-item]


def test_every_kind_has_an_example() -> None:
    assert {type(one) for one in EXAMPLES} == set(LANGUAGE.names.values())


@given(st.lists(st.sampled_from(EXAMPLES), max_size=5))
def test_what_is_printed_is_read_back(transforms: list[object]) -> None:
    text = join_transforms(transforms)  # type: ignore[arg-type]
    assert list(parse_transforms(text)) == transforms
    assert list(parse_transforms(text.replace(" ", ""))) == transforms


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("padd(3)", UnknownNameError, "No transform 'padd'. Did you mean 'pad'"),
        ("pad(3) +", UsageError, "Cannot read the transform ''"),
        ("pad", UsageError, "Cannot read the transform 'pad'"),
        ("pad(1, 2)", UsageError, r"pad\(\) takes \(pixels\), not 2 arguments"),
        ("pad(1.5)", UsageError, "takes a whole number where '1.5' stands"),
        ("scale(0, 1)", UsageError, "between 0.1 and 4 there, not 0"),
        ("scale(nan, 1)", UsageError, "between 0.1 and 4 there, not nan"),
        ("scale(1.2, 0.9)", UsageError, "the first bound must not be above the second"),
        ("crops(2, 0.9, 0.5, 64)", UsageError, "the first bound must not be above the second"),
    ],
)
def test_what_cannot_be_read(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_transforms(text)


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: type(one).__name__)
def test_each_is_decided_by_the_seed_and_lets_gradients_through(one: object, photo: Tensor) -> None:
    free = photo.clone().requires_grad_()
    seen = apply(one, free, 3)
    assert torch.equal(seen, apply(one, photo, 3))
    assert one in (Pad(12), Resize(30, 31)) or not all(
        torch.equal(seen, other) if seen.shape == (other := apply(one, photo, seed)).shape else False
        for seed in range(4, 9)
    )
    seen.square().sum().backward()
    assert free.grad is not None
    assert float(free.grad.abs().sum()) > 0


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: type(one).__name__)
def test_no_view_is_smaller_than_promised(one: object) -> None:
    wanted = 20
    side = one.needs(wanted)  # type: ignore[attr-defined]
    for seed in range(20):
        assert min(apply(one, torch.zeros(1, 3, side, side + 3), seed).shape[-2:]) >= wanted


def test_padding_is_mid_gray_and_jitter_is_a_part(photo: Tensor) -> None:
    padded = apply(Pad(2), photo)
    assert torch.equal(padded[..., 2:-2, 2:-2], photo)
    assert set(padded[..., 0].unique().tolist()) == {0.5}
    seen = apply(Jitter(5), photo)
    assert seen.shape == (1, 3, 43, 59)
    places = [
        (y, x) for y in range(6) for x in range(6) if torch.equal(photo[..., y : y + 43, x : x + 59], seen)
    ]
    assert len(places) == 1


def test_a_right_angle_is_numpy_s_and_none_at_all_changes_nothing(photo: Tensor) -> None:
    square = photo[..., :48]
    turned = apply(Rotate(90, 90), square)
    torch.testing.assert_close(turned, torch.rot90(square, 1, dims=(2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(apply(Rotate(0, 0), photo), photo, atol=1e-5, rtol=0)


def test_a_turn_keeps_the_shape_of_a_wide_picture() -> None:
    """A disk in the middle of a wide picture stays a disk where it is."""
    rows, columns = torch.meshgrid(torch.arange(40) - 19.5, torch.arange(80) - 39.5, indexing="ij")
    disk = torch.sigmoid(12 - torch.hypot(rows, columns)).expand(1, 3, 40, 80)
    torch.testing.assert_close(apply(Rotate(37, 37), disk), disk, atol=0.02, rtol=0)


def test_crops_of_one_picture_are_neighbors_of_the_batch(photo: Tensor) -> None:
    both = torch.cat([torch.zeros_like(photo), torch.ones_like(photo)])
    seen = apply(Crops(3, 0.3, 0.7, 24), both)
    assert seen.shape == (6, 3, 24, 24)
    torch.testing.assert_close(seen.mean(dim=(1, 2, 3)), torch.tensor([0.0, 0, 0, 1, 1, 1]))


def test_noise_has_its_deviation() -> None:
    gray = torch.full((1, 3, 64, 64), 0.5)
    assert float((apply(Noise(0.05), gray) - gray).std()) == pytest.approx(0.05, rel=0.03)


def test_the_gradient_through_transforms_is_autograd_s(tiny_model: Model, photo: Tensor) -> None:
    """The same draw, written out as one differentiable function of the picture."""
    plan = Plan(jitter=0, transforms=LUCID)
    gradient, score = measure_gradient(tiny_model, channel("second", 1), photo, plan, generator(2))
    rng = generator(2)
    [torch.randint(0, 1, (), generator=rng) for _ in range(2)]  # the roll of no pixels
    free = photo.clone().requires_grad_()
    seen = draw_all(parse_transforms(LUCID), 48, 64, rng)(free)
    found = tiny_model.activations(seen, ["second"])["second"][:, 1].mean()
    torch.testing.assert_close(score, found.detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(found, free)[0], atol=1e-8, rtol=1e-4)


def test_what_lies_under_the_picture_is_changed_with_it(tiny_model: Model, photo: Tensor) -> None:
    """The distance from the picture before is zero however both are changed; to another picture it is not."""
    goal, reference = parse_objective("-distance()"), Reference("picture", INPUT)
    for transforms in (LUCID, "crops(2, 0.3, 0.7, 24) + noise(0.1)"):
        plan = Plan(jitter=4, zoom=0.1, transforms=transforms)
        for before, same in ((photo, True), (1 - photo, False)):
            _, score = measure_gradient(
                tiny_model, goal, photo, plan, generator(0), references={reference: before}
            )
            assert (abs(float(score)) < 1e-12) is same


def test_a_picture_must_be_large_enough_for_the_smallest_view(tiny_model: Model) -> None:
    assert side_needed(parse_transforms("jitter(8) + scale(0.5, 1)"), 20) == 49
    plan = Plan(objective="layer(second)", transforms="crops(2, 0.2, 0.5, 24)", octaves=1)
    assert sizes_for(plan, tiny_model, 24, 24)[-1].height == 24


def test_a_network_of_one_size_sees_that_size(small_network: nn.Module, photo: Tensor) -> None:
    model = Model.wrap(small_network, input_size=64, fixed=True, name="vit")
    square = torch.nn.functional.interpolate(photo, (64, 64))
    plan = plan_for("lucid", objective="layer(second)", transforms=LUCID, steps=2)
    state = list(dream(model, plan, square))[-1].state
    assert state.plan.transforms == f"{LUCID} + resize(64, 64)"
    again = list(dream(model, state.plan, square))[-1].state
    assert torch.equal(again.parameters, state.parameters)


@pytest.mark.slow
@pytest.mark.weights
def test_what_is_found_through_transforms_survives_changes_that_were_not_seen() -> None:
    """The order of activations on pictures that neither run has seen as they are shown here.

    Without transforms the ascent finds what holds on one pixel grid only: moved by a few pixels, enlarged and turned,
    its pictures lose more of the channel's activation than those that were made through transforms.
    """
    from deepdream import load_model, visualize

    model = load_model()
    goals = [f"channel(blocks.3, {index})" for index in (3, 17, 40)]
    unseen = parse_transforms("roll(7) + scale(1.15, 1.25) + rotate(-15, 15)")
    kept = {}
    for name, transforms in (("with", LUCID), ("without", "")):
        made = visualize(model, goals, size=96, steps=48, jitter=0, zoom=0.0, transforms=transforms)
        batch = torch.stack([torch.from_numpy(one.pixels).permute(2, 0, 1) for one in made])

        def answers(image: Tensor) -> Tensor:
            with torch.no_grad():
                found = model.activations(image, ["blocks.3"])["blocks.3"]
            return torch.stack([found[i, c].mean() for i, c in enumerate((3, 17, 40))])

        changed = torch.stack(
            [answers(draw_all(unseen, 96, 96, generator(s))(batch)) for s in range(8)]
        ).mean(0)
        kept[name] = changed / answers(batch)
    assert (kept["with"] > kept["without"]).all()


def test_settings_of_transforms_are_read_before_the_first_step(tiny_model: Model, photo: Tensor) -> None:
    with pytest.raises(UnknownNameError, match="No transform 'spin'"):
        dream(tiny_model, replace(Plan(objective="layer(second)"), transforms="spin(3)"), photo)
