"""Closed forms: the numbers a check must give where the answer can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from deepdream.attribution.checks import CheckContext
from deepdream.attribution.checks.fidelity import infidelity_of, sensitivity_of
from deepdream.attribution.checks.localization import mass_inside, points_inside
from deepdream.attribution.checks.promises import completeness_error, cosine
from deepdream.attribution.checks.removal import area, deletion, insertion, replaced_cells, steps_of
from deepdream.attribution.checks.road import impute
from deepdream.attribution.checks.shape import entropy, gini
from deepdream.attribution.question import Question
from deepdream.errors import UsageError


def shares(seed: int = 0) -> Tensor:
    return torch.rand(64, generator=torch.Generator().manual_seed(seed)).double()


def additive_areas(values: Tensor, order: Tensor) -> tuple[float, float]:
    """Deletion and insertion of f = sum of the cells that show, as a share of all."""
    steps = steps_of(len(order), len(order))
    gone = replaced_cells(order, len(order)).double()
    kept = (1 - gone) @ values / values.sum()
    return area(kept, steps), area(gone @ values / values.sum(), steps)


def test_additive_deletion_is_the_closed_form() -> None:
    values = shares()
    order = values.argsort(descending=True)
    deleted, inserted = additive_areas(values, order)
    place = torch.arange(64, dtype=torch.float64)
    closed = float((values[order] * (place + 0.5)).sum() / (64 * values.sum()))
    assert deleted == pytest.approx(closed, abs=1e-12)
    assert deleted == pytest.approx(0.3270013, abs=1e-7)
    assert inserted == pytest.approx(1 - deleted, abs=1e-12)


def test_a_random_order_gives_one_half() -> None:
    values = shares()
    chance = torch.Generator().manual_seed(1)
    found = [additive_areas(values, torch.randperm(64, generator=chance))[0] for _ in range(300)]
    assert sum(found) / 300 == pytest.approx(0.5, abs=0.01)


def test_steps_begin_with_nothing_and_end_with_all() -> None:
    assert steps_of(196, 28).tolist() == list(range(0, 197, 7))
    assert steps_of(5, 28).tolist() == [0, 1, 2, 3, 4, 5]
    gone = replaced_cells(torch.tensor([2, 0, 1]), 3)
    assert gone.int().tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1]]


def test_deletion_and_insertion_of_one_order_share_their_ends(context: CheckContext, truth: Tensor) -> None:
    down, up = deletion(context, truth), insertion(context, truth)
    for name in ("blur", "mean"):
        assert down.curves[name][0] == up.curves[name][-1] == context.probability
        assert down.curves[name][-1] == up.curves[name][0]
        assert down.values[name] < 0.3 < 0.6 < up.values[name]


def test_road_of_a_constant_image_returns_the_image() -> None:
    image = torch.full((2, 3, 40, 33), 0.3)
    missing = torch.rand(2, 1, 40, 33, generator=torch.Generator().manual_seed(0)) < 0.7
    assert impute(image, missing, noise=0).allclose(image, atol=1e-5)


def test_imputed_pixels_solve_their_equations() -> None:
    image = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(5)).double()
    missing = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
    missing[..., 4:20, 6:18] = True
    missing[..., 0, 0] = True
    filled = impute(image, missing, noise=0, tolerance=1e-10)
    assert torch.equal(filled[~missing.expand_as(filled)], image[~missing.expand_as(image)])
    y, x = 10, 11
    beside = filled[0, :, [y - 1, y + 1, y, y], [x, x, x - 1, x + 1]].sum(1) / 6
    corners = filled[0, :, [y - 1, y - 1, y + 1, y + 1], [x - 1, x + 1, x - 1, x + 1]].sum(1) / 12
    assert (beside + corners).allclose(filled[0, :, y, x], atol=1e-8)
    corner = (filled[0, :, 0, 1] / 6 + filled[0, :, 1, 0] / 6 + filled[0, :, 1, 1] / 12) / (5 / 12)
    assert corner.allclose(filled[0, :, 0, 0], atol=1e-8)


def test_a_linear_ramp_is_filled_in_by_itself() -> None:
    ramp = torch.linspace(0, 1, 30).double().expand(1, 1, 30, 30)
    missing = torch.zeros(1, 1, 30, 30, dtype=torch.bool)
    missing[..., 8:22, 8:22] = True
    assert impute(ramp, missing, noise=0, tolerance=1e-10).allclose(ramp, atol=1e-7)


def test_the_noise_of_road_is_seeded_and_only_where_pixels_were_missing() -> None:
    image = torch.full((1, 3, 20, 20), 0.5)
    missing = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    missing[..., :10, :] = True
    first, recompute, other = (impute(image, missing, noise=0.1, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, recompute)
    assert not torch.equal(first, other)
    assert torch.equal(first[..., 10:, :], image[..., 10:, :])


def test_infidelity_of_the_gradient_of_a_linear_function_is_zero() -> None:
    weights = torch.randn(1, 12, generator=torch.Generator().manual_seed(0))
    inputs = torch.rand(1, 12, generator=torch.Generator().manual_seed(1))
    source = torch.Generator().manual_seed(2)

    def gap(attribution: Tensor, scaled: bool) -> float:
        return infidelity_of(
            lambda x: (x * weights).sum(1),
            inputs,
            attribution,
            draw=lambda batch: 0.3 * torch.randn(batch.shape, generator=source),
            scaled=scaled,
        )

    assert gap(weights, scaled=False) < 1e-12
    assert gap(5 * weights, scaled=True) < 1e-6
    assert gap(5 * weights, scaled=False) > 0.1
    assert gap(torch.zeros_like(weights), scaled=False) > 0.1


def test_sensitivity_of_a_linear_functions_gradient_is_zero() -> None:
    weights = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    image = torch.full((1, 3, 8, 8), 0.5)
    assert sensitivity_of(lambda batch: weights.expand(len(batch), -1, -1, -1), image) == 0.0


def test_sensitivity_is_the_largest_relative_change() -> None:
    """The map is the picture itself: the change is the noise, at most the radius times the root of the size."""
    image = torch.full((1, 3, 8, 8), 0.5)
    found = sensitivity_of(lambda batch: batch.clone(), image)
    assert 0.02 * 0.5 < found * 0.5 < 0.02
    assert found == sensitivity_of(lambda batch: batch.clone(), image)


def test_the_pointing_game_inside_outside_and_within_tolerance() -> None:
    mask = torch.zeros(60, 60, dtype=torch.bool)
    mask[20:30, 20:30] = True
    peak = torch.zeros(60, 60)
    peak[25, 25] = 1
    assert points_inside(peak, mask, 0)
    away = torch.zeros(60, 60)
    away[25, 44] = 1  # 15 pixels from the last column of the mask
    assert points_inside(away, mask, 15)
    assert not points_inside(away, mask, 14.9)


def test_the_mass_inside_is_a_share_of_the_positive_values() -> None:
    mask = torch.zeros(10, 10, dtype=torch.bool)
    mask[:5] = True
    flat = torch.ones(10, 10)
    assert mass_inside(flat, mask) == 0.5
    signed = torch.where(mask, 1.0, -9.0)
    assert mass_inside(signed, mask) == 1.0
    assert mass_inside(-flat, mask) == 0.0


def test_entropy_and_gini_at_their_ends() -> None:
    flat, one = torch.ones(7, 9), torch.zeros(7, 9)
    one[3, 3] = -2.0
    assert entropy(flat) == pytest.approx(math.log(63))
    assert entropy(one) == 0.0
    assert gini(flat) == pytest.approx(0.0, abs=1e-12)
    assert gini(one) == pytest.approx(1 - 1 / 63)
    assert entropy(3 * flat) == entropy(flat)
    assert gini(torch.zeros(4)) == entropy(torch.zeros(4)) == 0.0


def test_completeness_is_relative_to_what_was_promised() -> None:
    heatmap = torch.full((2, 2), 2.5)
    assert completeness_error(heatmap, 12.0, 2.0) == 0.0
    assert completeness_error(heatmap, 22.0, 2.0) == 0.5
    assert completeness_error(heatmap, 1.0, 1.0) == math.inf


def test_the_cosine_has_no_sign_and_no_scale() -> None:
    a = torch.tensor([1.0, 2.0])
    assert cosine(a, -3 * a) == pytest.approx(1.0)
    assert cosine(a, torch.zeros(2)) == 0.0


def test_with_a_class_to_compare_only_the_two_share_the_probability(context: CheckContext) -> None:
    compared = CheckContext(context.model, context.image, Question(0, against=1))
    logits = context.model(context.image)[0].double()
    assert compared.probability == pytest.approx(float((logits[0] - logits[1]).sigmoid()))
    assert torch.allclose(compared.gradient, _gradient(context, 0) - _gradient(context, 1), atol=1e-6)
    with pytest.raises(UsageError, match="compared with itself"):
        CheckContext(context.model, context.image, Question(1, against=1))


def _gradient(context: CheckContext, target: int) -> torch.Tensor:
    return CheckContext(context.model, context.image, Question(target)).gradient
