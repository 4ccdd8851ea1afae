"""Every check on a picture whose right answer is known: the truth stands, its opposite and chance do not."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from deepdream.attribution.checks import (
    CheckContext,
    CheckResult,
    MapUnderTest,
    NotApplicable,
    all_checks,
    checked,
    compare,
    explained,
    find_check,
    map_under_test,
)
from deepdream.attribution.checks.maps import edge_map, gaussian_map, order_of_cells, random_map, to_cells
from deepdream.attribution.checks.randomization import (
    cascade,
    layers_with_weights,
    one_by_one,
    other_classes,
    shuffled,
    stages,
)
from deepdream.attribution.question import Question
from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Model

OF_MAPS = ("deletion", "insertion", "sufficiency", "infidelity", "road", "mass-inside")


def gradient(model: Model, image: Tensor, target: int) -> Tensor:
    with torch.enable_grad():
        x = image.clone().requires_grad_()
        (found,) = torch.autograd.grad(model(x)[0, target], x)
    return found[0].abs().sum(0)


def found(
    check: str, context: CheckContext, heatmap: Tensor, recompute: Callable[..., Tensor] | None = None
) -> CheckResult:
    return find_check(check)(context, MapUnderTest("a method", heatmap, recompute))


def test_every_entry_says_what_a_reader_must_know() -> None:
    for name, entry in all_checks().items():
        assert entry.name == name
        assert entry.question.endswith("?")
        assert all((entry.good, entry.cost, entry.paper))
        assert entry.better in ("higher", "lower", None)
    assert [check.order for check in all_checks().values()] == sorted(
        {c.order for c in all_checks().values()}
    )


def test_a_wrong_name_is_helped() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'deletion'"):
        find_check("deletoin")


@pytest.mark.parametrize("check", OF_MAPS)
def test_the_truth_stands_beyond_every_control(check: str, context: CheckContext, truth: Tensor) -> None:
    check_result = found(check, context, truth)
    assert check_result.supports is True, (
        check_result.verdict,
        check_result.values,
        check_result.control_scores,
    )
    assert check_result.verdict == "better than every control"
    assert set(check_result.control_scores) == set(check_result.values)


@pytest.mark.parametrize("check", OF_MAPS)
def test_the_opposite_of_the_truth_and_chance_do_not(
    check: str, context: CheckContext, truth: Tensor
) -> None:
    assert found(check, context, -truth).supports is False
    assert found(check, context, random_map(context.image, seed=99)).supports is False
    assert found(check, context, gaussian_map(context.image)).supports is False


def test_the_peak_is_on_the_object(context: CheckContext, truth: Tensor) -> None:
    check_result = found("pointing-game", context, truth)
    assert check_result.values == {"hit": 1.0}
    assert found("pointing-game", context, gaussian_map(context.image)).values == {"hit": 0.0}


def test_sufficiency_is_the_share_the_object_needs(context: CheckContext, truth: Tensor) -> None:
    share = found("sufficiency", context, truth).value
    assert share is not None
    assert share <= 0.16


def test_without_a_mask_or_a_method_a_check_says_why(sees_red: Model, planted: Tensor, truth: Tensor) -> None:
    context = CheckContext(sees_red, planted, Question(0))
    for name, words in {
        "mass-inside": "--mask",
        "sensitivity": "the method itself",
        "completeness": "promise",
        "cost": "not known",
    }.items():
        check_result = found(name, context, truth)
        assert check_result.verdict.startswith("not made: ")
        assert words in check_result.verdict
        assert check_result.value is None
        assert check_result.forwards == 0


@pytest.mark.parametrize(
    ("heatmap", "words"),
    [
        (torch.zeros(56, 56), "zero everywhere"),
        (torch.ones(56, 56), "the same number everywhere"),
        (torch.full((56, 56), float("nan")), "3,136 values are not finite"),
    ],
)
def test_degenerate_maps_are_named(context: CheckContext, heatmap: Tensor, words: str) -> None:
    check_result = found("degeneracy", context, heatmap)
    assert check_result.verdict == words
    assert check_result.supports is False


def test_the_gradient_under_another_name_is_recognized(context: CheckContext, truth: Tensor) -> None:
    plain = gradient(context.model, context.image, 0)
    assert found("degeneracy", context, 5 * plain).verdict == "identical to the gradient"
    with torch.no_grad():
        times = (context.image[0] * context.gradient).sum(0)
    assert found("degeneracy", context, times).verdict == "identical to input x gradient"
    assert found("degeneracy", context, truth).supports is True
    by_name = find_check("degeneracy")(context, MapUnderTest("saliency", plain))
    assert (by_name.verdict, by_name.supports) == ("identical to the gradient, by definition", None)


def test_a_map_that_ignores_the_network_fails_the_randomization_with_one(context: CheckContext) -> None:
    check_result = found(
        "randomization", context, edge_map(context.image), lambda model, image, target: edge_map(image)
    )
    assert check_result.values["spearman"] == 1.0
    assert check_result.values["ssim"] == pytest.approx(1.0)
    assert check_result.verdict.startswith("fails")
    logit = found(
        "random-logit", context, edge_map(context.image), lambda model, image, target: edge_map(image)
    )
    assert (logit.values["spearman"], logit.supports) == (1.0, False)


def test_maps_drawn_anew_each_time_pass_the_randomization(context: CheckContext) -> None:
    seeds = iter(range(1000, 1100))

    def chance(model: Model, image: Tensor, target: int) -> Tensor:
        return random_map(image, seed=next(seeds))

    for name in ("randomization", "layer-randomization"):
        check_result = found(name, context, random_map(context.image, seed=1), chance)
        assert check_result.supports is True
        assert abs(check_result.values["spearman"]) < 0.2


def test_shuffling_leaves_the_users_network_alone(tiny_model: Model) -> None:
    before = copy.deepcopy(tiny_model.module.state_dict())
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        said = tiny_model(picture)
        networks = [*cascade(tiny_model, count=3), *one_by_one(tiny_model, count=3)]
        others = [network(picture) for _, network in networks]
        assert torch.equal(tiny_model(picture), said)
    assert all(not torch.equal(other, said) for other in others)
    assert all(torch.equal(value, before[key]) for key, value in tiny_model.module.state_dict().items())


def test_shuffling_keeps_every_tensors_numbers_and_is_seeded(tiny_model: Model) -> None:
    first, recompute, other = (shuffled(tiny_model, ["second"], seed=seed) for seed in (1, 1, 2))
    mine = tiny_model.module.second.weight
    assert torch.equal(first.module.second.weight, recompute.module.second.weight)
    assert not torch.equal(first.module.second.weight, other.module.second.weight)
    assert torch.equal(first.module.second.weight.flatten().sort().values, mine.flatten().sort().values)
    assert torch.equal(first.module.first.weight, tiny_model.module.first.weight)


def test_the_cascade_goes_from_the_top_down(tiny_model: Model) -> None:
    assert layers_with_weights(tiny_model) == ("first", "norm", "second", "head")
    assert stages(("first", "norm", "second", "head"), 2) == (("head",), ("second", "norm", "first"))
    parts = stages(("first", "norm", "second", "head"), 5)
    assert [name for part in parts for name in part] == ["head", "second", "norm", "first"]
    assert stages(("only",), 5) == (("only",),)


def test_other_classes_are_others() -> None:
    assert 3 not in other_classes(10, 3, count=9)
    assert other_classes(2, 0) == [1]
    assert other_classes(1000, 7, seed=5) == other_classes(1000, 7, seed=5)


def test_the_same_hidden_picture_is_computed_once(context: CheckContext, truth: Tensor) -> None:
    found("deletion", context, truth)
    before = context.cost.forwards
    recompute = found("deletion", context, 3 * truth)
    assert context.cost.forwards == before
    assert recompute.forwards == 0


def test_numbers_depend_on_the_seed_only(sees_red: Model, planted: Tensor, truth: Tensor) -> None:
    def numbers(seed: int, chunk: int) -> list[object]:
        context = CheckContext(sees_red, planted, Question(0, seed=seed), chunk=chunk)
        return [
            found(name, context, truth).control_scores["blur"].random for name in ("deletion", "infidelity")
        ]

    first, other = numbers(3, 16), numbers(4, 16)
    assert first == numbers(3, 16)
    assert first != other
    chunked = numbers(3, 5)
    assert all(a == pytest.approx(b, abs=1e-6) for a, b in zip(first, chunked, strict=True))


def test_masks_that_cannot_be_meant_are_refused(sees_red: Model, planted: Tensor) -> None:
    with pytest.raises(UsageError, match="The mask is 5x4, the picture fed 56x56"):
        CheckContext(sees_red, planted, Question(0), mask=torch.ones(4, 5, dtype=torch.bool))
    with pytest.raises(UsageError, match="empty"):
        CheckContext(sees_red, planted, Question(0), mask=torch.zeros(56, 56, dtype=torch.bool))


def test_the_registry_from_end_to_end(context: CheckContext) -> None:
    made = list(explained(context, ["saliency", "input-x-gradient"], budget=30))
    assert not any(isinstance(entry, NotApplicable) for entry in made)
    tested_maps = [map_under_test(entry) for entry in made if not isinstance(entry, NotApplicable)]
    check_results = list(
        checked(context, tested_maps, ["cost", "sensitivity", "randomization", "random-logit"])
    )
    assert [(f.check, f.method) for f in check_results][:2] == [
        ("cost", "saliency"),
        ("cost", "input-x-gradient"),
    ]
    assert all(f.value is not None for f in check_results)
    hooks = [
        m
        for m in context.model.module.modules()
        if m._forward_hooks or m._backward_hooks or m._forward_pre_hooks
    ]
    assert hooks == []
    assert all(parameter.requires_grad for parameter in context.model.module.parameters())


def test_a_budget_that_is_used_up_is_said(context: CheckContext, truth: Tensor) -> None:
    (check_result,) = checked(context, [MapUnderTest("m", truth)], ["deletion"], budget=0.0)
    assert check_result.verdict == "not made: there was no time left"
    assert check_result.to_dict()["value"] is None
    with pytest.raises(UnknownNameError):
        checked(context, [], ["no-such-check"])


def test_a_slow_check_says_what_it_would_take(context: CheckContext, truth: Tensor) -> None:
    tested_map = MapUnderTest("m", truth, lambda *_: truth, seconds=50.0)
    (check_result,) = checked(context, [tested_map], ["random-logit"], budget=30.0)
    assert check_result.verdict == "not made: it would take 100 s, too much of the 30 s left for all checks"


def test_rough_maps_are_compared_with_one_as_rough(context: CheckContext) -> None:
    (made,) = explained(context, ["rise"])
    assert not isinstance(made, NotApplicable)
    tested_map = map_under_test(made, passes=60)
    assert tested_map.reduced_passes == 60
    assert tested_map.seconds == pytest.approx(made.seconds * 60 / 1000)
    before = context.reference(tested_map)
    assert not torch.equal(before, made.heatmap)
    assert context.reference(tested_map) is before
    check_result = find_check("random-logit")(context, tested_map)
    likeness = compare(made.heatmap, before).absolute
    assert (
        f"maps of {tested_map.reduced_passes} passes through the network, where it is {likeness:.2f} like the full one"
        in check_result.verdict
    )
    whole = map_under_test(made, passes=5000)
    assert (whole.reduced_passes, context.reference(whole)) == (None, made.heatmap)


def test_maps_too_rough_to_be_like_the_full_one_cannot_speak(context: CheckContext, truth: Tensor) -> None:
    seeds = iter(range(1000, 1100))
    tested_map = MapUnderTest(
        "m",
        truth,
        lambda *_: random_map(context.image, seed=next(seeds)),
        reduced_passes=3,
    )
    check_result = find_check("randomization")(context, tested_map)
    assert check_result.verdict.startswith(
        "cannot be told: with 3 passes through the network the map is mostly chance"
    )
    assert check_result.supports is None


def test_a_depth_sets_the_samples_and_the_clock_only_bounds_them(context: CheckContext) -> None:
    (usual,), (half,) = (list(explained(context, ["rise"], budget=60, depth=depth)) for depth in (1.0, 0.5))
    assert not isinstance(usual, NotApplicable)
    assert not isinstance(half, NotApplicable)
    assert (usual.options["samples"], half.options["samples"]) == (1000, 500)


def test_agreement_is_the_mean_likeness_to_the_others_beside_the_controls(
    context: CheckContext, truth: Tensor
) -> None:
    noise = random_map(context.image, seed=7)
    tested_maps = [MapUnderTest("a", truth), MapUnderTest("b", 2 * truth), MapUnderTest("c", noise)]
    first, _, third = checked(context, tested_maps, ["agreement"])
    expected = (compare(truth, 2 * truth).spearman + compare(truth, noise).spearman) / 2
    assert first.value == pytest.approx(expected)
    assert first.values["top overlap"] == pytest.approx((1 + compare(truth, noise).top) / 2)
    assert first.control_scores["ssim"].gaussian == pytest.approx(
        (
            compare(gaussian_map(context.image), 2 * truth).ssim
            + compare(gaussian_map(context.image), noise).ssim
        )
        / 2
    )
    assert first.verdict == "agrees with the others more than every control; they may share a fault"
    assert third.verdict.startswith("agrees with the others no more than")
    assert {found.supports for found in (first, third)} == {None}


def test_one_method_alone_has_nobody_to_agree_with(context: CheckContext, truth: Tensor) -> None:
    (check_result,) = checked(context, [MapUnderTest("a", truth)], ["agreement"])
    assert check_result.verdict == "not made: it needs another method to agree with (--method twice)"


def test_the_table_shows_the_number_that_the_verdict_is_about(context: CheckContext, truth: Tensor) -> None:
    still = found(
        "randomization", context, edge_map(context.image), lambda model, image, target: edge_map(image)
    )
    assert still.value == still.values["spearman"] == 1.0
    assert still.controls["centered blob"] == (1.0, 0.0)
    both = found("deletion", context, truth)
    assert both.value == pytest.approx((both.values["blur"] + both.values["mean"]) / 2)
    twin = found("degeneracy", context, gradient(context.model, context.image, 0))
    assert twin.value == max(twin.values.values())


def test_the_cost_is_what_a_hook_counts(context: CheckContext) -> None:
    counted = []
    handle = context.model.module.register_forward_hook(lambda m, inputs, output: counted.append(len(output)))
    try:
        (made,) = explained(context, ["rise"], samples=24)
    finally:
        handle.remove()
    assert not isinstance(made, NotApplicable)
    check_result = find_check("cost")(context, map_under_test(made))
    assert check_result.verdict.startswith("24 forward and 0 backward passes")
    assert counted == [1, 24, 1]  # the picture's and the baseline's own scores are not the method's cost


def test_sufficiency_is_what_a_loop_over_the_cells_finds(context: CheckContext, truth: Tensor) -> None:
    """One cell after the other is uncovered, until half of the probability is there."""
    whole = CheckContext(context.model, context.image, Question(0), steps=196)
    order = order_of_cells(to_cells(truth), seed=0)
    image, shown = context.substrates["mean"].clone(), 0
    with torch.no_grad():
        while float(context.model(image).softmax(1)[0, 0]) < 0.5 * context.probability:
            row, column = divmod(int(order[shown]), 14)
            place = (..., slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
            image[place] = context.image[place]
            shown += 1
    assert found("sufficiency", whole, truth).values["mean"] == pytest.approx(shown / 196)


def test_a_method_that_fails_on_a_shuffled_network_does_not_end_the_others(
    context: CheckContext, truth: Tensor
) -> None:
    def picky(model: Model, image: Tensor, target: int) -> Tensor:
        raise UsageError(f"m does not apply to {model.name}: it is too wild")

    tested_maps = [MapUnderTest("m", truth, picky), MapUnderTest("n", truth, lambda *_: truth)]
    failed, other = checked(context, tested_maps, ["randomization"])
    assert failed.verdict == "not made: m does not apply to sees-red with shuffled weights: it is too wild"
    assert (failed.value, failed.supports) == (None, None)
    assert other.value == 1.0
