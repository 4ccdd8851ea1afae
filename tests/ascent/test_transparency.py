"""Transparent pictures: laid over a ground, and what holds their opacity down; both in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepdream.ascent import parse_objective
from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.parameterizations import Palette
from deepdream.ascent.tiling import Tiling
from deepdream.ascent.transparency import held_down, laid_over, outskirts, random_ground
from deepdream.models import Model
from deepdream.plan import Plan
from deepdream.tensors import generator

PLAN = Plan(alpha=True, jitter=5, start="noise")


def picture(height: int = 24, width: int = 32, channels: int = 4) -> Tensor:
    return torch.rand(2, channels, height, width, generator=generator(1))


def test_a_picture_on_a_ground_is_the_weighted_mean_and_its_slopes_are_known() -> None:
    """a x + (1 - a) b: d/dx = a, d/da = x - b."""
    free, ground = picture().requires_grad_(), picture(channels=3)[:1]
    colors, opacity = free[:, :3], free[:, 3:]
    out = laid_over(free, ground)
    torch.testing.assert_close(out, opacity * colors + (1 - opacity) * ground)
    direction = torch.randn(out.shape, generator=generator(2))
    (slope,) = torch.autograd.grad(out, free, direction)
    torch.testing.assert_close(slope[:, :3], opacity * direction)
    torch.testing.assert_close(slope[:, 3:], (direction * (colors - ground)).sum(dim=1, keepdim=True))


def test_opaque_hides_the_ground_and_transparent_shows_it() -> None:
    ground, image = random_ground(24, 32, generator(0)), picture()
    image[:, 3, :, :16], image[:, 3, :, 16:] = 0, 1
    out = laid_over(image, ground)
    assert torch.equal(out[..., :16], ground.expand(2, -1, -1, -1)[..., :16])
    assert torch.equal(out[..., 16:], image[:, :3, :, 16:])


def test_the_gradient_of_a_transparent_picture_is_the_chain_rule_on_what_was_seen(tiny_model: Model) -> None:
    """Against the gradient of the picture with its ground, for which the same chance is drawn by hand."""
    goal, image = parse_objective("layer(second)"), picture()
    gradient, score = measure_gradient(tiny_model, goal, image, PLAN, generator(7))
    rng = generator(7)
    down, right = (int(torch.randint(-5, 6, (), generator=rng)) for _ in range(2))
    rolled = torch.roll(image, (down, right), dims=(2, 3))
    ground = random_ground(24, 32, rng)
    seen = laid_over(rolled, ground)
    on_seen, expected = measure_gradient(tiny_model, goal, seen, Plan(jitter=0), generator(0))
    torch.testing.assert_close(score, expected)
    by_hand = torch.cat(
        [rolled[:, 3:] * on_seen, (on_seen * (rolled[:, :3] - ground)).sum(dim=1, keepdim=True)], dim=1
    )
    torch.testing.assert_close(gradient, torch.roll(by_hand, (-down, -right), dims=(2, 3)))


def test_seen_in_exact_tiles_the_gradient_is_the_same(tiny_model: Model) -> None:
    goal, image = parse_objective("layer(second)"), picture(96, 120)
    whole, _ = measure_gradient(tiny_model, goal, image, PLAN, generator(3))
    tiled, _ = measure_gradient(tiny_model, goal, image, PLAN, generator(3), tiling=Tiling(40, 16, 4))
    assert float((tiled - whole).norm() / whole.norm()) < 1e-5


def test_every_ground_is_new_and_smooth() -> None:
    rng = generator(0)
    one, other = (random_ground(64, 80, rng) for _ in range(2))
    assert torch.equal(one, random_ground(64, 80, generator(0)))
    assert float((one - other).abs().mean()) > 0.05
    assert 0 <= float(one.min()) < 0.4 < 0.6 < float(one.max()) <= 1
    # Neighbors are more alike than two pixels at random, of which the mean square difference is twice the variance.
    assert float(one.diff(dim=3).square().mean()) < 0.5 * 2 * float(one.var())


def test_opacity_is_held_down_in_units_of_the_pull() -> None:
    """Where opacity is even: the pull less weight * rms * outskirts; however large the pull is."""
    pull, even = torch.randn(2, 1, 24, 32, generator=generator(0)), torch.full((2, 1, 24, 32), 0.5)
    for size in (1.0, 1e-9):
        size_of = (size * pull).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        torch.testing.assert_close(
            held_down(size * pull, even, 0.4), size * pull - 0.4 * size_of * outskirts(24, 32)
        )
    assert torch.equal(held_down(0 * pull, even, 0.4), 0 * pull)
    tenth = (pull - held_down(pull, even / 5, 0.4), pull - held_down(pull, even, 0.4))  # d mean^2 = 2 mean
    torch.testing.assert_close(tenth[0], tenth[1] / 5)


def test_what_vanished_can_come_back() -> None:
    """Where opacity is at 0 its slope is not; colors at their ends have none."""
    signal = torch.full((1, 4, 1, 2), -20.0, dtype=torch.float64).requires_grad_()
    image = Palette(decorrelated=False, opacity=True).squash(signal)
    assert torch.equal(image, torch.zeros_like(image))
    (slope,) = torch.autograd.grad(image.sum(), signal)
    assert not slope[:, :3].any()
    assert slope[:, 3:].min() > 0


def test_rough_opacity_is_drawn_to_smoother() -> None:
    rough = torch.rand(1, 1, 32, 32, generator=generator(0))
    pull = torch.full_like(rough, 1.0)
    step = held_down(pull, rough, 0.0) - pull
    moved = rough + 0.01 * step
    assert float(moved.diff(dim=3).square().mean()) < 0.95 * float(rough.diff(dim=3).square().mean())


@pytest.mark.parametrize("size", [(64, 64), (40, 90)])
def test_the_outskirts_have_the_mean_one(size: tuple[int, int]) -> None:
    weights = outskirts(*size)
    assert float(weights.mean()) == pytest.approx(1, abs=0.1)  # 28/45 is the mean of r^4 over the square
    middle = weights[size[0] // 2, size[1] // 2]
    assert float(middle) == pytest.approx(0.25, abs=0.01)
    assert float(weights.max()) == pytest.approx(0.25 + 0.75 * 4 / (28 / 45), rel=1e-3)
    assert outskirts(1, 1).tolist() == [[0.25]]
