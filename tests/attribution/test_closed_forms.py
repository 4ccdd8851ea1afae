"""Every method against problems whose answer can be written down."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from networks import SIDE, bend, formula, linear, picture, seeded, weights, wrapped
from torch import Tensor, nn

from deepdream.attribution import Question, ScoreFunction, explain
from deepdream.attribution.explainers.coalitions import exact_values, sampled_values
from deepdream.attribution.explainers.extremal import area_error, leveled
from deepdream.attribution.explainers.guided_paths import guided_ig
from deepdream.attribution.explainers.paths import integrate
from deepdream.attribution.explainers.perturbations import rise
from deepdream.attribution.explainers.regions import taken_in_order
from deepdream.attribution.explainers.surrogates import kernel_values, lime_values
from deepdream.attribution.hooks import activation_and_gradient
from deepdream.tensors import generator


def close(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> bool:
    return bool((a - b).abs().max() <= tolerance)


@pytest.mark.parametrize("baseline", ["black", "white", "mean", "noise"])
@pytest.mark.parametrize(
    "method", ["integrated-gradients", "gradient-shap", "deep-lift", "deep-lift-shap", "guided-ig"]
)
def test_complete_methods_on_a_linear_model_give_weight_times_difference(method: str, baseline: str) -> None:
    image, model = picture(), linear()
    options = {"samples": 4, "noise": 0.0} if "shap" in method else {}
    found = explain(model, image, method, 0, baseline=baseline, **options)
    base = ScoreFunction.of(model, image, Question(0, baseline=baseline)).baseline
    assert found.attribution is not None
    assert close(found.attribution, weights() * (image - base)[0])
    assert found.completeness_error is not None
    assert found.completeness_error < 1e-4


def test_gradients_of_a_linear_model_are_its_weights() -> None:
    image, model = picture(), linear()
    for method in ("saliency", "smoothgrad"):
        assert close(explain(model, image, method, 0).attribution, weights())
    assert close(explain(model, image, "input-x-gradient", 0).attribution, weights() * image[0])
    assert close(explain(model, image, "smoothgrad-squared", 0).attribution, weights().square())
    assert close(explain(model, image, "vargrad", 0).attribution, torch.zeros(3, SIDE, SIDE))
    assert "the map is zero everywhere" in explain(model, image, "vargrad", 0).notes


@pytest.mark.parametrize("baseline", ["black", "white", "mean", "noise"])
@pytest.mark.parametrize(
    "method", ["occlusion", "feature-ablation", "shapley-sampling", "kernel-shap", "lime"]
)
def test_black_box_methods_on_a_linear_model_give_weight_times_difference(method: str, baseline: str) -> None:
    image, model = picture(4), linear(4)
    options = {"window": 1, "stride": 1} if method == "occlusion" else {"segments": 16}
    found = explain(model, image, method, 0, baseline=baseline, **options)
    base = ScoreFunction.of(model, image, Question(0, baseline=baseline)).baseline
    assert close(found.heatmap, (weights(4) * (image - base)[0]).sum(dim=0), 1e-4)


def test_exact_shapley_values_of_a_linear_model() -> None:
    image, model = picture(3), linear(3)
    found = explain(model, image, "shapley", 0, segments=9)
    assert close(found.heatmap, (weights(3) * image[0]).sum(dim=0))
    assert found.forwards == 2**9
    assert found.completeness_error < 1e-5


def product(x: Tensor) -> Tensor:
    return x[:, 0, 0, 0] * x[:, 1, 0, 0]


@pytest.mark.parametrize("method", ["integrated-gradients", "deep-lift", "guided-ig"])
def test_a_product_is_shared_equally(method: str) -> None:
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0, 0, 0], image[0, 1, 0, 0] = 3.0, 5.0
    options = {"distance": 0.0} if method == "guided-ig" else {}
    found = explain(formula(product, 2), image, method, 0, **options)
    assert found.attribution is not None
    assert found.attribution[0, 0, 0] == pytest.approx(7.5, rel=1e-3)
    assert found.attribution[1, 0, 0] == pytest.approx(7.5, rel=1e-3)


def test_input_times_gradient_counts_a_product_twice() -> None:
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0, 0, 0], image[0, 1, 0, 0] = 3.0, 5.0
    found = explain(formula(product, 2), image, "input-x-gradient", 0)
    assert float(found.heatmap[0, 0]) == 30.0


def test_integrated_gradients_of_a_quadratic_are_exact() -> None:
    image, a = picture(), weights()
    model = formula(lambda x: (a * x.square()).sum(dim=(1, 2, 3)))
    found = explain(model, image, "integrated-gradients", 0, steps=5)
    assert close(found.attribution, a * image[0].square())


def test_a_saturated_unit_has_no_gradient_but_integrated_gradients_see_it() -> None:
    model = formula(lambda x: 1 - (1 - x[:, 0, 0, 0]).relu(), 2)
    image = torch.full((1, 3, 2, 2), 2.0)
    assert not explain(model, image, "saliency", 0).heatmap.any()
    assert float(explain(model, image, "integrated-gradients", 0).heatmap.sum()) == pytest.approx(
        1.0, rel=0.01
    )


GAMES = {
    "glove": (lambda c: torch.minimum(c[:, 0] + c[:, 1], c[:, 2]).clamp(max=1), (1 / 6, 1 / 6, 2 / 3)),
    "airport": (lambda c: (c * torch.tensor([1.0, 2.0, 3.0])).amax(dim=1), (1 / 3, 5 / 6, 11 / 6)),
    "xor": (lambda c: (c[:, 0] + c[:, 1] == 1).float(), (0.0, 0.0)),
}


@pytest.mark.parametrize("name", GAMES)
def test_games_with_known_values(name: str) -> None:
    worth, wanted = GAMES[name]
    exact = exact_values(worth, len(wanted))
    assert close(exact, torch.tensor(wanted).double(), 1e-7)
    assert close(sampled_values(worth, len(wanted), 300, generator(0))[0], exact, 0.06)
    assert close(kernel_values(worth, len(wanted), 2000, generator(0))[0], exact, 0.03)


def test_exact_values_are_the_mean_gain_over_all_orders() -> None:
    table = seeded((32,), 4).double()
    powers = 2 ** torch.arange(5)

    def worth(coalitions: Tensor) -> Tensor:
        return table[(coalitions.long() * powers).sum(dim=1)]

    gains = torch.zeros(5, dtype=torch.float64)
    orders = list(permutations(range(5)))
    for order in orders:
        members = torch.zeros(6, 5)
        for place, player in enumerate(order, start=1):
            members[place:, player] = 1
        gains[list(order)] += worth(members).diff() / len(orders)
    assert close(exact_values(worth, 5), gains, 1e-12)


def test_lime_recovers_an_additive_game_whatever_the_kernel() -> None:
    values = torch.tensor([1.0, -2.0, 0.5, 3.0])
    found, used = lime_values(lambda c: c @ values + 7, 4, 60, 0.25, generator(0))
    assert close(found, values.double(), 1e-4)
    assert used == 60


class Pooled(nn.Module):
    """Convolution, ReLU, global mean, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, 1, 1)
        self.act = nn.ReLU()
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.conv(x)).mean(dim=(2, 3)))


@pytest.mark.parametrize("method", ["grad-cam", "x-grad-cam", "hires-cam", "ablation-cam"])
def test_cams_of_a_pooled_linear_head_are_the_class_activation_map(method: str) -> None:
    model, image = wrapped(Pooled(), SIDE), picture()
    score_function = ScoreFunction.of(model, image, Question(1, layer="act"))
    activation, _ = activation_and_gradient(score_function)
    head = model.module.head
    wanted = torch.einsum("c,chw->hw", head.weight[1], activation) / SIDE**2
    found = explain(model, image, method, 1, layer="act", rectify=False).heatmap
    if method == "ablation-cam":  # a silenced channel takes away its mean, which is the weight of its map
        wanted = torch.einsum("c,chw->hw", head.weight[1] * activation.mean(dim=(1, 2)), activation)
    assert close(found, wanted.detach())
    if method != "ablation-cam":
        assert float(found.sum()) == pytest.approx(
            float((model(image)[0, 1] - head.bias[1]).detach()), abs=1e-5
        )


def test_grad_cam_plus_plus_is_its_equation() -> None:
    model, image = wrapped(Pooled(), SIDE), picture()
    activation, g = activation_and_gradient(ScoreFunction.of(model, image, Question(1, layer="act")))
    wanted = torch.zeros(SIDE, SIDE)
    for channel in range(len(activation)):
        weight = 0.0
        for y in range(SIDE):
            for x in range(SIDE):
                slope = float(g[channel, y, x])
                bottom = 2 * slope**2 + float(activation[channel].sum()) * slope**3
                weight += (slope**2 / bottom if bottom else 0.0) * max(slope, 0.0)
        wanted += weight * activation[channel]
    assert close(explain(model, image, "grad-cam-plus-plus", 1, layer="act").heatmap, wanted.relu(), 1e-4)


def test_layer_cam_and_eigen_cam_are_their_equations() -> None:
    model, image = wrapped(Pooled(), SIDE), picture()
    activation, g = activation_and_gradient(ScoreFunction.of(model, image, Question(1, layer="act")))
    assert close(
        explain(model, image, "layer-cam", 1, layer="act").heatmap, (g.relu() * activation).sum(0).relu()
    )
    found = explain(model, image, "eigen-cam", 1, layer="act").heatmap
    flat = activation.flatten(1).T
    values, vectors = torch.linalg.eigh(flat.T @ flat)
    assert close(found.flatten().abs(), (flat @ vectors[:, values.argmax()]).abs(), 1e-4)
    assert found.sum() > 0


def test_score_cam_weights_channels_by_what_they_bring_back() -> None:
    model, image = wrapped(Pooled(), SIDE), picture()
    score_function = ScoreFunction.of(model, image, Question(1, layer="act"))
    activation, _ = activation_and_gradient(score_function)
    scores = []
    for channel in activation:
        low, high = channel.min(), channel.max()
        mask = (channel - low) / (high - low) if high > low else torch.zeros_like(channel)
        scores.append(score_function.score_of(image * mask))
    wanted = torch.einsum("c,chw->hw", torch.tensor(scores).softmax(dim=0), activation).relu()
    assert close(explain(model, image, "score-cam", 1, layer="act").heatmap, wanted, 1e-4)


def test_rise_on_additive_cells() -> None:
    values = seeded((SIDE, SIDE), 7)
    model = formula(lambda x: (x[:, 0] * values).sum(dim=(1, 2)))
    score_function = ScoreFunction.of(model, torch.ones(1, 3, SIDE, SIDE), Question(0))
    found = rise(score_function, samples=4000, grid=SIDE, keep=0.5).values
    wanted = 0.5 * values  # a visible cell adds its value, of which half is in the mean
    assert close(found, wanted, 0.1)
    assert torch.corrcoef(torch.stack([found.flatten(), wanted.flatten()]))[0, 1] > 0.97


def test_rise_of_a_constant_score_is_zero() -> None:
    model = formula(lambda x: 0 * x.sum(dim=(1, 2, 3)) + 7)
    assert close(
        rise(ScoreFunction.of(model, picture(), Question(0)), samples=20).values,
        torch.zeros(SIDE, SIDE),
        1e-5,
    )


def test_guided_ig_at_distance_zero_is_integrated_gradients() -> None:
    model, image = bend(nn.SiLU), picture(16)
    score_function = ScoreFunction.of(model, image, Question(1))
    straight = integrate(score_function, score_function.baseline, 200)
    found = guided_ig(score_function, steps=200, distance=0.0).values
    assert close(found, straight, 1e-2 * float(straight.abs().max()))


def test_guided_ig_sums_to_the_rise_of_a_smooth_score() -> None:
    assert explain(bend(nn.SiLU), picture(16), "guided-ig", 1, steps=40).completeness_error < 0.05


def test_blur_ig_sums_to_what_the_blur_took_away() -> None:
    found = explain(bend(nn.SiLU), picture(16), "blur-ig", 1, steps=200)
    assert found.completeness_error < 0.01


class Plain(nn.Sequential):
    """Convolutions, ReLU and a linear head, without any bias."""

    def __init__(self, hidden: int = 2) -> None:
        layers: list[nn.Module] = []
        for index in range(hidden):
            layers += [nn.Conv2d(3 if index == 0 else 5, 5, 3, 1, 1, bias=False), nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(5 * SIDE * SIDE, 4, bias=False))


def test_lrp_epsilon_on_a_relu_net_without_bias_is_input_times_gradient() -> None:
    model, image = wrapped(Plain(), SIDE), picture()
    found = explain(model, image, "lrp", 1, rule="epsilon")
    assert close(found.attribution, explain(model, image, "input-x-gradient", 1).attribution, 1e-5)
    assert float(found.heatmap.sum()) == pytest.approx(found.score, rel=1e-4)
    assert "identical to input x gradient" in found.notes


def test_lrp_composite_keeps_the_score_where_there_is_no_bias() -> None:
    found = explain(wrapped(Plain(), SIDE), picture(), "lrp", 1)
    assert float(found.heatmap.sum()) == pytest.approx(found.score, rel=1e-4)
    assert not any("biases" in note for note in found.notes)


def test_what_the_biases_took_of_the_score_is_said_by_lrp() -> None:
    found = explain(bend(), picture(16), "lrp", 1)
    lost = 1 - float(found.heatmap.double().sum()) / found.score
    assert abs(lost) > 0.01
    assert f"biases took {lost:.1%} of the score: compare places, not sizes" in found.notes
    assert found.completeness_error is None


def test_deep_lift_of_one_hidden_layer_and_a_linear_path_is_integrated_gradients() -> None:
    # With one hidden layer every unit crosses zero once on the straight path: both rules agree exactly.
    model, image = wrapped(Plain(1), SIDE), picture()
    lifted = explain(model, image, "deep-lift", 1)
    assert close(lifted.attribution, explain(model, image, "integrated-gradients", 1).attribution, 1e-5)


def test_extremal_area_is_zero_exactly_for_a_mask_of_that_area() -> None:
    mask = torch.zeros(100)
    mask[:10] = 1
    assert float(area_error(mask, 0.1)) == 0.0
    assert float(area_error(mask, 0.3)) == pytest.approx(0.2)


@pytest.mark.parametrize("place", [(0, 0), (20, 40), (30, 20)])
def test_extremal_mask_is_drawn_to_no_border(place: tuple[int, int]) -> None:
    """A picture that looks the same everywhere: a mask at a border is worth no more than any other."""
    side, (row, column) = 56, place
    model = formula(
        lambda x: 20 * (x[:, :, row : row + 16, column : column + 16] - 0.5).abs().mean((1, 2, 3)), side
    )
    image = (torch.arange(side)[:, None] + torch.arange(side)) % 2 * torch.ones(1, 3, 1, 1)
    found = explain(model, image.float(), "extremal-perturbation", 0, steps=100, area=0.1).heatmap
    border = torch.ones(side, side, dtype=torch.bool)
    border[4:-4, 4:-4] = False
    border[row : row + 16, column : column + 16] = False
    assert found[border].mean() < 0.05


def test_a_network_that_fails_on_hidden_pictures_leaves_an_extremal_map_that_says_so() -> None:
    """The root of contrast beyond a limit is no number once too much is hidden; the picture itself still has one."""
    side = 28
    image = (torch.arange(side)[:, None] + torch.arange(side)) % 2 * torch.ones(1, 3, 1, 1)
    model = formula(lambda x: ((x - 0.5).abs().mean(dim=(1, 2, 3)) - 0.3).sqrt(), side)
    found = explain(model, image.float(), "extremal-perturbation", 0, steps=60)
    assert "the map holds NaN or infinite values, shown as 0" in found.notes
    assert not found.heatmap.any()


def test_extremal_perturbation_finds_the_only_place_that_counts() -> None:
    side = 56
    model = formula(lambda x: 20 * (x[:, :, 8:24, 30:46] - 0.5).abs().mean(dim=(1, 2, 3)), side)
    image = (torch.arange(side)[:, None] + torch.arange(side)) % 2 * torch.ones(1, 3, 1, 1)
    found = explain(model, image.float(), "extremal-perturbation", 0, steps=120, area=0.1)
    inside = found.heatmap[8:24, 30:46].mean()
    assert inside > 4 * found.heatmap.mean()


@pytest.mark.parametrize("steps", [60, 200])
def test_extremal_perturbation_keeps_its_area_where_the_score_grows_steep(steps: int) -> None:
    """A softplus far beyond its bend: the first slope is a four hundredth of the one that the mask ends at."""
    side = 56
    image = (torch.arange(side)[:, None] + torch.arange(side)) % 2 * torch.ones(1, 3, 1, 1)

    def score(x: Tensor) -> Tensor:
        sharp = 2 * (x[:, :, 8:28, 30:50] - 0.5).abs().mean(dim=(1, 2, 3))
        return -torch.nn.functional.softplus(30 * (0.8 - sharp))

    found = explain(formula(score, side), image.float(), "extremal-perturbation", 0, steps=steps).heatmap
    assert float((found > 0.5).double().mean()) == pytest.approx(0.1, rel=0.01)
    assert float(found.mean()) == pytest.approx(0.1, rel=0.1)
    assert found[8:28, 30:50].mean() > 0.7


@pytest.mark.parametrize("size", [1e-14, 1.0, 1e6])
def test_extremal_mask_does_not_depend_on_the_size_of_the_logits(size: float) -> None:
    side = 28
    image = (torch.arange(side)[:, None] + torch.arange(side)) % 2 * torch.ones(1, 3, 1, 1)
    model = formula(lambda x: size * (x[:, :, 4:14, 15:25] - 0.5).abs().mean(dim=(1, 2, 3)), side)
    found = explain(model, image.float(), "extremal-perturbation", 0, steps=60).heatmap
    assert found[4:14, 15:25].mean() > 0.7


@pytest.mark.parametrize("scale", [1, 2, 8])
def test_extremal_mask_is_the_same_at_every_size_of_the_picture(scale: int) -> None:
    """Its smoothness is a share of the picture, so a small one has no lumps and a large one no more numbers."""
    side = 28 * scale
    checks = (torch.arange(side)[:, None] + torch.arange(side)) % 2 * torch.ones(1, 3, 1, 1)
    rows, columns = slice(4 * scale, 14 * scale), slice(15 * scale, 25 * scale)
    model = formula(lambda x: (x[:, :, rows, columns] - 0.5).abs().mean(dim=(1, 2, 3)), side)
    found = explain(model, checks.float(), "extremal-perturbation", 0, steps=60).heatmap
    assert found[rows, columns].mean() > 0.7
    assert ((found > 0.1) & (found < 0.9)).float().mean() < 0.1


def test_a_leveled_mask_has_its_area_above_one_half_and_keeps_its_order() -> None:
    distance = (torch.arange(101.0)[:, None] - 50).square() + (torch.arange(101.0) - 50).square()
    for height in (0.4, 1.0):
        mask = height * (-distance / 800).exp()
        found = leveled(mask, 0.1)
        assert float((found > 0.5).double().mean()) == pytest.approx(0.1, abs=2e-3)  # rings of equals
        assert (found.flatten()[mask.flatten().argsort()].diff() > -1e-6).all()
    whole = torch.tensor([0.0, 1.0, 1.0, 1.0])
    assert torch.equal(leveled(whole, 0.25), whole)  # no power divides what is equal


def test_xrai_takes_the_densest_region_first_and_gives_it_its_mean() -> None:
    density = torch.tensor([[4.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    masks = torch.tensor([[[1, 1, 0], [0, 0, 0]], [[1, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 1]]]).bool()
    found = taken_in_order(density, masks)
    assert found.tolist() == [[3.0, 3.0, 0.0], [0.0, 0.0, 0.0]]


def test_two_classes_are_compared_by_the_difference_of_their_logits() -> None:
    model, image = bend(nn.SiLU), picture(16)
    found = explain(model, image, "saliency", 1, against=2)
    logits = model(image)[0]
    assert found.score == pytest.approx(float(logits[1] - logits[2]), abs=1e-5)
    one, other = (explain(model, image, "saliency", target).attribution for target in (1, 2))
    assert close(found.attribution, one - other, 1e-5)
