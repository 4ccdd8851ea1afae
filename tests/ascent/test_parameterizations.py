"""What may change: pixels, logits and spectra, forth and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deepdream.ascent.color_correlation import correlation_root
from deepdream.ascent.parameterizations import (
    CPPN,
    MACO,
    PARAMETERIZATIONS,
    Colors,
    Fourier,
    LaplacianPyramid,
    Logit,
    Palette,
    Parameterization,
    Pixels,
    Shared,
    move_detail,
    parameterization_for,
)
from deepdream.ascent.parameterizations.maco import _DECORRELATED, _PLAIN, magnitude, measure_magnitudes
from deepdream.ascent.resampling import resize, resize_picture
from deepdream.errors import UsageError
from deepdream.images import read_picture
from deepdream.plan import Magnitudes, Plan

SIDES = st.integers(1, 40)
EXACT = [name for name, kind in PARAMETERIZATIONS.items() if kind(Palette()).exact]
PALETTES = [Palette(), Palette(decorrelated=False), Palette(opacity=True), Palette(False, True)]
ROOT = Path(__file__).parents[2]


def kind_of(name: str, palette: Palette | None = None) -> Parameterization:
    return PARAMETERIZATIONS[name](palette or Palette())


def fresh(
    name: str, height: int, width: int, count: int = 1, seed: int = 0, palette: Palette | None = None
) -> Tensor:
    return kind_of(name, palette).start(count, height, width, torch.Generator().manual_seed(seed))


def picture(height: int, width: int, seed: int = 0, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed))


def test_every_choice_of_the_plan_exists() -> None:
    choices = Plan.__dataclass_fields__["parameterization"].metadata["choices"]
    assert set(PARAMETERIZATIONS) == set(choices)


@pytest.mark.parametrize("palette", PALETTES, ids=str)
@pytest.mark.parametrize("name", EXACT)
@given(height=SIDES, width=SIDES)
@settings(max_examples=10, deadline=None)
def test_a_picture_that_is_not_changed_returns(name: str, palette: Palette, height: int, width: int) -> None:
    kind, image = kind_of(name, palette), picture(height, width, channels=palette.channels)
    back = kind.decode(kind.encode(image), height, width)
    torch.testing.assert_close(back, image, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["pixels", "logit"])
def test_black_and_white_return_exactly(name: str) -> None:
    kind = kind_of(name)
    image = torch.linspace(0, 1, 256 * 3).reshape(1, 3, 16, 16)
    assert (kind.decode(kind.encode(image), 16, 16) - image).abs().max() < 1e-6


@pytest.mark.parametrize("palette", PALETTES, ids=str)
@pytest.mark.parametrize("name", EXACT)
def test_every_kind_can_be_fitted_to_a_photo(name: str, palette: Palette, photo: Tensor) -> None:
    """lucid's test: mean |error| below 0.01 from fresh parameters, here in 400 steps of Adam."""
    goal = torch.cat([photo, photo[:, :1]], dim=1)[:, : palette.channels]
    assert float((fitted(name, goal, steps=400, palette=palette) - goal).abs().mean()) < 0.01


def fitted(
    name: str, goal: Tensor, *, steps: int, rate: float = 0.05, palette: Palette | None = None
) -> Tensor:
    """The picture that Adam makes of fresh parameters on its way to ``goal``."""
    kind, (height, width) = kind_of(name, palette), goal.shape[-2:]
    free = fresh(name, height, width, palette=palette).requires_grad_()
    optimizer = torch.optim.Adam([free], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        (kind.decode(free, height, width) - goal).square().sum().backward()
        optimizer.step()
    return kind.decode(free.detach(), height, width)


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
@given(seed=st.integers(0, 50), size=st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_whatever_the_parameters_the_picture_is_legal(name: str, seed: int, size: float) -> None:
    kind = kind_of(name)
    wild = fresh(name, 9, 12, seed=seed) * size + size
    image = kind.decode(kind.project(wild), 9, 12)
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert image.isfinite().all()


def test_a_logit_step_of_a_mid_gray_is_the_step_itself() -> None:
    kind = Logit()
    gray = torch.full((1, 3, 2, 2), 0.5)
    moved = kind.encode(gray) + 1e-3 * kind.pull_back(kind.encode(gray), torch.ones_like(gray))
    torch.testing.assert_close(kind.decode(moved, 2, 2), gray + 1e-3, atol=1e-5, rtol=0)


def test_a_logit_step_hardly_moves_white() -> None:
    kind = Logit()
    image = torch.tensor([0.5, 0.97]).expand(1, 3, 1, 2)
    moved = (
        kind.decode(kind.encode(image) - 0.02 * kind.pull_back(image, torch.ones_like(image)), 1, 2) - image
    )
    assert abs(float(moved[0, 0, 0, 1])) < 0.15 * abs(float(moved[0, 0, 0, 0]))


def test_pixels_are_clipped_after_a_step() -> None:
    assert torch.equal(Pixels().project(torch.tensor([-0.5, 0.2, 1.5])), torch.tensor([0.0, 0.2, 1.0]))


# The spectrum.


def test_the_frequency_grid_is_the_published_one() -> None:
    """lucent's rfft2d_freqs(4, 6); the scale is sqrt(H W) / max(f, 1 / max(H, W))."""
    published = torch.tensor(
        [
            [0, 0.166667, 0.333333, 0.5],
            [0.25, 0.300463, 0.416667, 0.559017],
            [0.5, 0.527046, 0.600925, 0.707107],
            [0.25, 0.300463, 0.416667, 0.559017],
        ]
    )
    scale = Fourier._scale(4, 6, torch.device("cpu"))
    expected = 24**0.5 / published.clamp_min(1 / 6)
    torch.testing.assert_close(scale, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", [96, 160, 320])
def test_fresh_parameters_are_nearly_gray(side: int) -> None:
    """Measured in lucid's form: mean 0.500, standard deviation 0.003 at every size."""
    kind = Fourier()
    image = kind.decode(kind.start(1, side, side, torch.Generator().manual_seed(0)), side, side)
    assert float(image.mean()) == pytest.approx(0.5, abs=0.002)
    assert 0.002 < float(image.std()) < 0.005


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_fresh_parameters_are_those_of_the_seed(name: str) -> None:
    one, same, other = (fresh(name, 8, 9, count=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    assert len(one) == 2


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_a_batch_is_its_pictures_one_by_one(name: str) -> None:
    """What is shared in a batch is shared when it is changed, below."""
    kind, parameters = kind_of(name), fresh(name, 9, 14, count=3)
    direction = torch.rand(3, 3, 9, 14, generator=torch.Generator().manual_seed(1)) - 0.5
    together = kind.decode(parameters, 9, 14)
    pulled = kind.pull_back(parameters, direction)
    for one in (slice(0, 1), slice(1, 2), slice(2, 3)):
        torch.testing.assert_close(together[one], kind.decode(parameters[one], 9, 14))
        if name != "shared":
            torch.testing.assert_close(pulled[one], kind.pull_back(parameters[one], direction[one]))


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_sizes_are_known_without_numbers(name: str) -> None:
    """A checkpoint is looked through on the meta device."""
    seen = kind_of(name).decode(fresh(name, 7, 10, count=2).to("meta"), 7, 10)
    assert seen.shape == (2, 3, 7, 10)


@pytest.mark.parametrize("name", ["laplacian", "shared", "cppn"])
def test_packed_numbers_of_another_length_are_an_error(name: str) -> None:
    with pytest.raises(RuntimeError):
        kind_of(name).decode(fresh(name, 7, 10)[:, :-1], 7, 10)


@pytest.mark.parametrize("palette", PALETTES, ids=str)
@pytest.mark.parametrize("name", ["fourier", "laplacian", "cppn", "maco"])
def test_a_change_pulled_back_is_a_slope_of_the_picture(name: str, palette: Palette) -> None:
    """Against a finite difference, in double precision, along a random way."""
    kind, rng = kind_of(name, palette), torch.Generator().manual_seed(4)
    parameters = fresh(name, 7, 10, palette=palette).double() * (1 if name == "maco" else 5)
    way = torch.randn(parameters.shape, generator=rng, dtype=torch.float64)
    direction = torch.rand(1, palette.channels, 7, 10, generator=rng, dtype=torch.float64) - 0.5
    ahead, behind = (kind.decode(parameters + sign * 1e-6 * way, 7, 10) for sign in (1, -1))
    slope = float(((ahead - behind) * direction).sum()) / 2e-6
    assert float((kind.pull_back(parameters, direction) * way).sum()) == pytest.approx(slope, rel=1e-3)


# Coarse and fine levels.


def test_a_coarse_level_moves_a_region_linearly() -> None:
    """The table of bilinear weights, written out: the step of one coarse pixel of a 1/4 level along a row."""
    kind, side = LaplacianPyramid(), 16
    still = torch.zeros(1, 3 * (256 + 64 + 16 + 4))
    moved = still.clone()
    moved[0, 3 * (256 + 64) + 5] = 1e-3  # row 1, column 1 of the first axis at 4x4
    change = kind.decode(moved, side, side) - kind.decode(still, side, side)
    ramp = torch.tensor([1, 3, 5, 7, 7, 5, 3, 1]) / 8
    row = change[0, 0, 5] / change[0, 0, 5].max() * (7 / 8)
    torch.testing.assert_close(row[2:10], ramp, atol=1e-2, rtol=0)
    assert not row[10:].any()
    across = change[0, :, 5, 5]
    torch.testing.assert_close(across / across[0], correlation_root()[:, 0] / 0.56282854, atol=1e-3, rtol=0)


def test_pictures_of_a_batch_share_what_is_coarse() -> None:
    kind, own = Shared(), 3 * 16 * 9 * 2
    parameters = fresh("shared", 16, 16, count=2)
    assert torch.equal(parameters[0, own:], parameters[1, own:])
    pulled = kind.pull_back(parameters, torch.stack([picture(16, 16)[0], torch.zeros(3, 16, 16)]))
    assert pulled[0, own:].abs().min() > 0
    assert torch.equal(pulled[0, own:], pulled[1, own:])
    assert not pulled[1, :own].any()


# A network that paints.


def test_a_cppn_is_lucids_written_out_for_one_pixel() -> None:
    kind, numbers = CPPN(), fresh("cppn", 5, 9) + 0.05
    image = kind.decode(numbers, 5, 9)
    row, column = 1, 7
    value = torch.tensor([3**0.5 * (2 * column / 8 - 1), 3**0.5 * 5 / 9 * (2 * row / 4 - 1)])
    left = numbers[0]
    for layer in range(9):
        inputs, outputs = (2 if layer == 0 else 48), (3 if layer == 8 else 24)
        weight, bias, left = left.split([inputs * outputs, outputs, len(left) - (inputs + 1) * outputs])
        value = value @ weight.view(inputs, outputs) + bias
        if layer < 8:
            value = torch.cat([value.atan() / 0.67, value.atan() ** 2 / 0.6])
    color = (torch.sigmoid(correlation_root() @ value) - 0.01) / 0.98
    torch.testing.assert_close(image[0, :, row, column], color.clamp(0, 1), atol=1e-5, rtol=1e-4)


def test_the_activation_keeps_unit_size() -> None:
    x = torch.randn(100_000, generator=torch.Generator().manual_seed(0)).atan()
    for value in (x / 0.67, x.square() / 0.6):
        assert float(value.square().mean().sqrt()) == pytest.approx(1, abs=0.02)


def test_a_cppn_paints_the_same_at_any_size() -> None:
    numbers = fresh("cppn", 5, 9) + 0.05
    small, large = (CPPN().decode(numbers, side, side) for side in (9, 17))
    torch.testing.assert_close(large[..., ::2, ::2], small)
    assert move_detail(CPPN(), numbers, small, large) is numbers


def test_a_cppn_learns_a_photo_and_xor(photo: Tensor) -> None:
    """As lucid's test_cppn: exclusive or, of a corner's two coordinates, within 0.01; and a small photo."""
    goal = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).expand(1, 3, 2, 2)
    for image, bound in ((goal, 0.01), (resize_picture(photo, 12, 16), 0.03)):
        left = fitted("cppn", image, steps=300, rate=0.01)
        assert float((left - image).square().mean()) < bound**2


@pytest.mark.parametrize("name", ["cppn"])
def test_a_kind_that_cannot_hold_a_picture_says_so(name: str) -> None:
    with pytest.raises(UsageError, match=r"paint a given picture \(3x2\): start from noise"):
        kind_of(name).encode(picture(2, 3))


# Phases.


@pytest.mark.parametrize("known", [_DECORRELATED, _PLAIN])
def test_the_magnitudes_are_those_of_the_photographs_that_come_along(known: Magnitudes) -> None:
    photos = [read_picture(path).tensor() for path in sorted((ROOT / "images").glob("*.jpg"))]
    assert len(photos) == 7
    found = measure_magnitudes(photos, decorrelated=known is _DECORRELATED)
    assert found.exponents == pytest.approx(known.exponents, abs=2e-3)
    assert found.deviations == pytest.approx(known.deviations, abs=2e-3)


def test_magnitudes_of_one_s_own_are_what_a_maco_has() -> None:
    own = Magnitudes((0.5, 1.5, 2.5), (0.5, 1.0, 1.5))
    kind = parameterization_for(Plan(parameterization="maco", magnitudes=str(own)))
    signal = kind.signal(fresh("maco", 32, 40), 32, 40)  # type: ignore[attr-defined]
    assert signal.square().mean(dim=(0, 2, 3)).sqrt().tolist() == pytest.approx(own.deviations, rel=1e-3)
    sizes = torch.fft.rfft2(signal).abs()[0]
    # The magnitude falls by 2^-exponent from 4 to 8 cycles over 32 rows.
    assert (sizes[:, 8, 0] / sizes[:, 4, 0]).tolist() == pytest.approx(
        [2**-e for e in own.exponents], rel=1e-3
    )


def test_pictures_without_detail_have_no_magnitudes() -> None:
    with pytest.raises(UsageError, match="hold no detail"):
        measure_magnitudes([torch.full((1, 3, 256, 256), 0.5)])
    with pytest.raises(UsageError, match="there are none"):
        measure_magnitudes([])
    with pytest.raises(UsageError, match="256 pixels a side or more, not 300x255"):
        measure_magnitudes([picture(255, 300)])


def test_the_measure_finds_the_spectrum_that_a_picture_was_made_with() -> None:
    """Clouds made with the constants give them back, but for the clipping of the brightest and darkest."""
    clouds = MACO().decode(fresh("maco", 256, 256, count=4), 256, 256)
    found = measure_magnitudes(torch.split(clouds, 1))
    assert found.exponents == pytest.approx(_DECORRELATED.exponents, abs=0.1)


@pytest.mark.parametrize(("height", "width"), [(16, 20), (15, 21), (32, 9)])
@pytest.mark.parametrize("wild", [1.0, 50.0])
def test_whatever_the_phases_the_magnitudes_stay(height: int, width: int, wild: float) -> None:
    phases = wild * fresh("maco", height, width)
    signal = MACO().signal(phases, height, width)
    sizes = torch.fft.rfft2(signal).abs()[0]
    torch.testing.assert_close(
        sizes, magnitude(_DECORRELATED, height, width, sizes.device), rtol=1e-3, atol=1e-2
    )
    found = signal.square().mean(dim=(0, 2, 3)).sqrt().tolist()
    assert found == pytest.approx(_DECORRELATED.deviations, rel=1e-3)
    assert signal.mean(dim=(0, 2, 3)).abs().max() < 1e-4


def test_phases_come_back_from_their_picture() -> None:
    kind = MACO()
    image = kind.decode(fresh("maco", 24, 31), 24, 31)
    assert float((kind.decode(kind.encode(image), 24, 31) - image).abs().mean()) < 0.02


def test_phases_can_be_fitted_to_a_picture_of_such_magnitudes() -> None:
    goal = MACO().decode(fresh("maco", 16, 16, seed=1), 16, 16)
    before = float((MACO().decode(fresh("maco", 16, 16), 16, 16) - goal).square().mean())
    assert float((fitted("maco", goal, steps=300, rate=0.1) - goal).square().mean()) < before / 5


def test_enlarged_phases_show_the_same_clouds() -> None:
    kind, phases = MACO(), fresh("maco", 24, 32)
    small = kind.decode(phases, 24, 32)
    larger = kind.decode(move_detail(kind, phases, small, picture(48, 64)), 48, 64)
    shrunk = resize_picture(larger, 24, 32)
    assert float(torch.corrcoef(torch.stack([shrunk.flatten(), small.flatten()]))[0, 1]) > 0.8


def test_pulling_back_is_the_chain_rule() -> None:
    """Against autograd of sum(picture * direction), and a finite difference along one coefficient."""
    kind, direction = Fourier(), picture(7, 10, 1) - 0.5
    parameters = kind.encode(picture(7, 10))
    pulled = kind.pull_back(parameters, direction)
    assert not pulled.requires_grad
    step = torch.zeros_like(parameters)
    step[0, 1, 2, 3, 0] = 1e-2
    ahead, behind = (kind.decode(parameters + sign * step, 7, 10) for sign in (1, -1))
    slope = float(((ahead - behind).double() * direction).sum()) / 2e-2
    assert float(pulled[0, 1, 2, 3, 0]) == pytest.approx(slope, rel=1e-2)


# From one octave to the next.


@pytest.mark.parametrize("name", EXACT)
def test_without_a_dream_the_larger_octave_is_the_sharp_original(name: str) -> None:
    kind, larger = kind_of(name), picture(37, 51)
    base = resize_picture(larger, 19, 26)
    moved = move_detail(kind, kind.encode(base), base, larger)
    torch.testing.assert_close(kind.decode(moved, 37, 51), larger, atol=1e-4, rtol=0)


def test_detail_is_added_to_the_original_not_the_blurred_whole() -> None:
    """Google: detail = picture - octave base, enlarged, added to the next base."""
    larger = picture(40, 40)
    base = resize_picture(larger, 20, 20)
    dreamed = (base + 0.1 * (picture(20, 20, 5) - 0.5)).clamp(0, 1)
    moved = move_detail(Pixels(), dreamed, base, larger)
    torch.testing.assert_close(moved, larger + resize(dreamed - base, 40, 40))


# Changing sizes.


def test_the_same_size_is_the_same_tensor() -> None:
    image = picture(5, 6)
    assert resize(image, 5, 6) is image


def test_shrinking_is_antialiased() -> None:
    """A checkerboard of single pixels becomes gray, not black or white."""
    board = ((torch.arange(64)[:, None] + torch.arange(64)) % 2).float().expand(1, 3, 64, 64)
    small = resize_picture(board, 16, 16)
    assert float((small - 0.5).abs().max()) < 0.05


def test_a_resized_picture_stays_legal_at_a_hard_edge() -> None:
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    assert float(resize(edge, 32, 32).max()) > 1  # bicubic overshoots
    assert float(resize_picture(edge, 32, 32).max()) == 1


def test_colors_are_plain_pixels_through_the_color_matrix() -> None:
    signal = fresh("colors", 5, 7) * 100
    mixed = torch.einsum("ij,bjhw->bihw", correlation_root(), signal)
    expected = ((torch.sigmoid(mixed) - 0.01) / 0.98).clamp(0, 1)
    torch.testing.assert_close(Colors().decode(signal, 5, 7), expected)
