"""Conditioning as objects: each against its literal definition, written down and read back, composed in order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deepdream.ascent import layer
from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.color_correlation import correlation_root
from deepdream.ascent.conditioning import (
    LANGUAGE,
    Calm,
    Cascade,
    Conditioning,
    Gaussian,
    Laplacian,
    Moment,
    Part,
    PerLayer,
    PhotoColors,
    Unit,
    conditioning_of,
    parse_conditioning,
)
from deepdream.ascent.gradient_filters import blur, cascade, equalize_bands, texture_emphasis
from deepdream.dreaming import dream
from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Model
from deepdream.plan import CONDITIONING, Plan, plan_for
from deepdream.tensors import generator

HALFWAY = Moment(0.5)
PARTS = (
    st.builds(Gaussian, st.floats(0.1, 100))
    | st.builds(Cascade, st.floats(0.1, 2.5))
    | st.builds(Laplacian, st.integers(1, 12))
    | st.builds(PhotoColors, st.floats(0, 1))
    | st.builds(Unit, st.sampled_from(("std", "mean-abs")))
)


def noise(height: int, width: int, seed: int = 0, count: int = 1) -> Tensor:
    return torch.randn(count, 3, height, width, generator=generator(seed))


def apply(parts: Part | Conditioning, gradient: Tensor, moment: Moment = HALFWAY) -> Tensor:
    return (Conditioning() + parts).apply(gradient, moment)


# As text.


@given(st.lists(PARTS, max_size=5), st.booleans(), st.integers(0, 5), st.none() | st.floats(0, 1))
def test_what_is_printed_is_read_back(
    parts: list[Part], balanced: bool, place: int, calm: float | None
) -> None:
    whole = [PerLayer()] * balanced + parts[:place] + [Calm(calm)] * (calm is not None) + parts[place:]
    conditioning = Conditioning(tuple(whole))
    assert parse_conditioning(str(conditioning)) == conditioning
    assert parse_conditioning(str(conditioning).replace(" ", "")) == conditioning
    assert sum(whole, Conditioning()) == conditioning


def test_every_kind_can_be_written() -> None:
    text = (
        "per_layer() + gaussian(2) + cascade(0.5) + laplacian(3) + photo_colors(0.6) + calm(0.8) + unit(std)"
    )
    found = parse_conditioning(text)
    assert {type(part) for part in found.parts} == set(LANGUAGE.names.values())
    assert str(found) == text
    assert parse_conditioning('unit("mean-abs")') == Conditioning() + Unit("mean-abs")
    assert parse_conditioning(" ") == Conditioning()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("gauss(3)", UnknownNameError, "No conditioning 'gauss'. Did you mean 'gaussian'"),
        ("cascade(0.5) +", UsageError, "Cannot read the conditioning ''. Example: cascade"),
        ("laplacian(1.5)", UsageError, "takes a whole number where '1.5' stands"),
        ("cascade()", UsageError, r"cascade\(\) takes \(narrowest\), not 0 arguments"),
        ("photo_colors(1.1)", UsageError, "between 0 and 1 there, not 1.1"),
        ("unit(sd)", UnknownNameError, r"No argument of unit\(\) 'sd'. Did you mean 'std'"),
        ("calm(0.1) + calm(0.2)", UsageError, "only once"),
        ("unit(std) + per_layer()", UsageError, "at the beginning"),
    ],
)
def test_what_cannot_be_read(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_conditioning(text)


# Each part, literally.


def test_smoothings_are_their_functions() -> None:
    gradient = noise(24, 31)
    assert torch.equal(apply(Gaussian(1.5), gradient), blur(gradient, 1.5))
    assert torch.equal(apply(Cascade(0.7), gradient, Moment(0.25)), cascade(gradient, 0.25, 0.7))
    assert torch.equal(apply(Laplacian(2), gradient), equalize_bands(gradient, 2))


def literal_photo_colors(pixels: np.ndarray, share: float) -> np.ndarray:
    root = correlation_root().double().numpy()
    photo = pixels @ (root @ root.T).T
    mixed: np.ndarray = (1 - share) * pixels / pixels.std(ddof=1) + share * photo / photo.std(ddof=1)
    return mixed


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_photo_colors_mix_two_gradients_of_unit_size(shift: float) -> None:
    gradient = noise(9, 11) + shift
    pixels = gradient[0].permute(1, 2, 0).double().numpy()
    got = apply(PhotoColors(0.6), gradient)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(got, literal_photo_colors(pixels, 0.6), rtol=1e-5, atol=1e-5)


def test_more_photo_color_means_less_chroma() -> None:
    def chroma(image: Tensor) -> float:
        gray = image.mean(dim=1, keepdim=True)
        return float((image - gray).square().sum() / image.square().sum())

    shares = [chroma(apply(PhotoColors(share), noise(32, 32))) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(2 / 3, abs=0.03)  # three independent channels
    assert shares[-1] < 0.12


def test_unit_size_is_what_its_name_says_for_each_picture() -> None:
    two = torch.cat((noise(8, 9) + 2, 1000 * noise(8, 9, 1)))
    sizes = two.double().abs().mean(dim=(1, 2, 3)), two.double().std(dim=(1, 2, 3))
    for name, size in zip(("mean-abs", "std"), sizes, strict=True):
        torch.testing.assert_close(apply(Unit(name), two), (two / size.view(-1, 1, 1, 1)).float())


@given(scale=st.floats(1e-15, 1e12), name=st.sampled_from(("std", "mean-abs")))
@settings(deadline=None)
def test_unit_size_does_not_depend_on_the_gradients_scale(scale: float, name: str) -> None:
    torch.testing.assert_close(apply(Unit(name), noise(6, 6) * scale), apply(Unit(name), noise(6, 6)))


def test_calm_is_the_picture_weighed() -> None:
    gradient, weights = noise(20, 30), torch.rand(1, 1, 20, 30, generator=generator(1))
    assert torch.equal(apply(Calm(0.5), gradient, Moment(0.5, weights)), gradient * weights)
    assert apply(Calm(0.5), gradient) is gradient


def test_per_layer_divides_each_term_by_its_root_mean_square(tiny_model: Model, photo: Tensor) -> None:
    def gradient(objective: str, conditioning: str) -> Tensor:
        plan = Plan(conditioning=conditioning)
        found, _ = measure_gradient(tiny_model, parse(objective), photo, plan, generator(0))
        return found

    parse = {
        "one": layer("first"), "two": layer("second"), "both": layer("first") + 3 * layer("second")
    }.__getitem__  # fmt: skip
    one, two = gradient("one", "unit(std)"), gradient("two", "unit(std)")
    torch.testing.assert_close(gradient("both", "unit(std)"), one + 3 * two)
    sized = [part / (part.square().mean().sqrt() * part.numel()) for part in (one, two)]
    torch.testing.assert_close(gradient("both", "per_layer() + unit(std)"), sized[0] + 3 * sized[1])


def test_a_gradient_that_is_zero_stays_zero() -> None:
    zero = torch.zeros(1, 3, 12, 12)
    for part in (Unit("std"), Unit("mean-abs"), Laplacian(4), PhotoColors(0.5) + Unit("std")):
        assert torch.equal(apply(part, zero), zero)


# Together.


@given(parts=st.lists(PARTS | st.just(Calm(0.5)), max_size=4).filter(lambda p: p.count(Calm(0.5)) < 2))
@settings(max_examples=40, deadline=None)
def test_parts_work_in_order_whatever_is_put_off(parts: list[Part]) -> None:
    """As if each were applied alone to what the one before gave."""
    gradient = torch.cat((noise(24, 20), 50 * noise(24, 20, 1) + 1))
    moment = Moment(0.3, torch.rand(2, 1, 24, 20, generator=generator(2)) + 0.1)
    parts = [
        replace(part, sigma=min(part.sigma, 3.0)) if isinstance(part, Gaussian) else part for part in parts
    ]
    expected = gradient
    for part in parts:
        expected = apply(part, expected, moment)
    whole = Conditioning(tuple(parts))
    size = float(expected.abs().max())
    torch.testing.assert_close(whole.apply(gradient, moment), expected, rtol=1e-4, atol=1e-5 * size)
    alone = whole.apply(gradient[1:], Moment(0.3, moment.emphasis[1:]))  # type: ignore[index]
    torch.testing.assert_close(alone, expected[1:], rtol=1e-4, atol=1e-5 * size)


def test_only_an_own_gradient_is_written_over() -> None:
    gradient, moment = noise(24, 20), Moment(0.5, torch.rand(1, 1, 24, 20, generator=generator(1)))
    before = gradient.clone()
    conditioning = Calm(0.8) + PhotoColors(0.5) + Unit("std")
    kept = conditioning.apply(gradient, moment)
    assert torch.equal(gradient, before)
    used = conditioning.apply(gradient, moment, own=True)
    torch.testing.assert_close(used, kept)
    assert used.data_ptr() == gradient.data_ptr()


@pytest.mark.parametrize("preset", ["balanced", "classic", "lapnorm", "smooth"])
def test_a_plan_means_the_chain_of_its_settings(preset: str) -> None:
    """Smoothed, colors mixed, divided by its size, weighed, divided again: literally, in float64."""
    plan, gradient = plan_for(preset), noise(40, 30, seed=5)
    weights = texture_emphasis(torch.rand(1, 3, 40, 30, generator=generator(3)), plan.calm)
    expected = gradient.double()
    if plan.smoothing == "cascade":
        expected = cascade(expected, 0.5, plan.blur)
    if plan.smoothing == "laplacian":
        expected = equalize_bands(expected)

    def sized(values: Tensor) -> Tensor:
        sizes = {"std": values.std(), "mean-abs": values.abs().mean(), "none": torch.ones(())}
        return values / sizes[plan.normalization]

    if plan.color:
        pixels = expected[0].permute(1, 2, 0).numpy()
        expected = torch.from_numpy(literal_photo_colors(pixels, plan.color)).permute(2, 0, 1)[None]
    expected = sized(sized(expected) * weights)
    got = conditioning_of(plan).apply(gradient, Moment(0.5, weights)).double()
    assert float((got - expected).norm() / expected.norm()) < 1e-5 / 2


def test_a_conditioning_of_ones_own_is_used_and_takes_the_settings_place(
    tiny_model: Model, photo: Tensor
) -> None:
    usual = "per_layer() + cascade(1.2) + photo_colors(0.55) + calm(0.8) + unit(std)"
    assert str(conditioning_of(Plan())) == usual
    short = {"objective": "layer(second)", "steps": 2, "octaves": 2}
    ends = {
        text: list(dream(tiny_model, plan_for(**short, conditioning=text), photo))[-1].image
        for text in ("", usual, "gaussian(2) + unit(std)")
    }
    assert torch.equal(ends[usual], ends[""])
    assert not torch.allclose(ends["gaussian(2) + unit(std)"], ends[""], atol=1e-3)
    for name in CONDITIONING:
        with pytest.raises(UsageError, match=f"Give a conditioning or {name}, not both"):
            plan_for(conditioning="unit(std)", **{name: getattr(Plan(), name)})
