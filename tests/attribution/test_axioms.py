"""What every sharing of a score must do: nothing for what is not read, the same for equals, sums for sums."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from networks import SIDE, formula, picture, seeded, weights, wrapped
from torch import Tensor, nn

from deepdream.attribution import explain, methods
from deepdream.attribution.baselines import blur
from deepdream.models import Model

GRADIENTS = ("saliency", "input-x-gradient", "smoothgrad", "integrated-gradients", "gradient-shap", "blur-ig")
REGIONS = ("occlusion", "feature-ablation", "shapley-sampling", "rise", "kernel-shap", "lime")
OWN: dict[str, Any] = {"segments": SIDE * SIDE, "samples": 40, "steps": 50, "window": 1, "stride": 1}


def values(model: Model, image: Tensor, name: str, **more: Any) -> Tensor:
    """(H, W), signed, with every pixel a region of its own."""
    own = {option: value for option, value in OWN.items() if option in methods()[name].options}
    found = explain(model, image, name, 0, **own, **more)
    return found.heatmap if found.attribution is None else found.attribution.sum(dim=0)


def left_half(x: Tensor) -> Tensor:
    """A bent score that reads nothing else."""
    left = x[..., : SIDE // 2]
    return (left * seeded((3, SIDE, SIDE // 2), 5)).sum((1, 2, 3)).tanh() + (left[:, 0] * left[:, 1]).sum(
        (1, 2)
    )


def squares(x: Tensor) -> Tensor:
    return (x * weights() * x).sum((1, 2, 3))


def largest(found: Tensor) -> float:
    return float(found.abs().max())


# Blurs carry pixels over; RISE, KernelSHAP and LIME are estimates, of which only the mean is zero.
@pytest.mark.parametrize(
    "name", [*GRADIENTS[:-1], "guided-ig", "deep-lift", "occlusion", "feature-ablation", "shapley-sampling"]
)
def test_a_pixel_that_is_not_read_gets_nothing(name: str) -> None:
    found = values(formula(left_half), picture(), name)
    assert found[:, : SIDE // 2].any()
    assert largest(found[:, SIDE // 2 :]) < 1e-6 * largest(found)


@pytest.mark.parametrize("name", [*GRADIENTS, *REGIONS, "deep-lift"])
def test_the_map_of_a_sum_is_the_sum_of_the_maps(name: str) -> None:
    one, two = (values(formula(score), picture(), name) for score in (left_half, squares))
    both = values(formula(lambda x: left_half(x) + 2 * squares(x)), picture(), name)
    assert torch.allclose(both, one + 2 * two, rtol=0, atol=1e-4 * largest(both))


@pytest.mark.parametrize("name", ["integrated-gradients", "deep-lift", "occlusion", "shapley"])
def test_equals_get_the_same(name: str) -> None:
    """A score that does not tell two pixels of the same color apart."""
    image = torch.rand(1, 3, 3, 3, generator=torch.Generator().manual_seed(2))
    image[..., 2, 2] = image[..., 0, 1]
    model = formula(lambda x: (x[:, 0, 0, 1] * x[:, 0, 2, 2] + x.sum((1, 2, 3))).tanh(), 3)
    found = (
        values(model, image, name)
        if name != "shapley"
        else explain(model, image, name, 0, segments=9).heatmap
    )
    assert float(found[0, 1]) == pytest.approx(float(found[2, 2]), rel=1e-3)


@pytest.mark.parametrize(
    "name", ["saliency", "integrated-gradients", "deep-lift", "lrp", "grad-cam", "occlusion"]
)
def test_a_network_that_does_not_mind_a_flip_has_flipped_maps(name: str) -> None:
    layers = nn.Conv2d(3, 6, 3, 1, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, 1, 1), nn.ReLU()
    model = wrapped(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)), SIDE)
    with torch.no_grad():
        for part in model.module:
            if isinstance(part, nn.Conv2d):
                part.weight.copy_((part.weight + part.weight.flip(-1)) / 2)
    one, other = (values(model, image, name) for image in (picture(), picture().flip(-1)))
    assert torch.allclose(other.flip(-1), one, atol=1e-4 * largest(one))


def test_a_product_is_shared_equally_by_its_pixels_and_lost_with_each_of_them() -> None:
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0, 0, 0], image[0, 0, 1, 1] = 3.0, 5.0
    model = formula(lambda x: x[:, 0, 0, 0] * x[:, 0, 1, 1], 2)
    shared, lost = torch.diag(torch.tensor([7.5, 7.5])), torch.diag(torch.tensor([15.0, 15.0]))
    assert torch.allclose(explain(model, image, "shapley", 0, segments=4).heatmap, shared)
    assert torch.allclose(values(model, image, "occlusion"), lost)
    assert torch.allclose(explain(model, image, "feature-ablation", 0, segments=4).heatmap, lost)
    assert torch.allclose(values(model, image, "input-x-gradient"), lost)


@pytest.mark.parametrize(
    "score",
    [
        lambda a, b: ((a - 1).relu() - b.relu()).relu(),
        lambda a, b: ((a - 1).relu() - b).relu(),  # the same function wherever b is not below zero
    ],
)
def test_two_networks_of_one_function_have_one_map(score: Any) -> None:
    """Sundararajan et al. 2017, figure 1: relu(relu(a - 1) - relu(b)) at (3, 1) gives (1.5, -0.5)."""
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0, 0, 0], image[0, 0, 0, 1] = 3.0, 1.0
    model = formula(lambda x: score(x[:, 0, 0, 0], x[:, 0, 0, 1]), 2)
    found = explain(model, image, "integrated-gradients", 0, steps=800).heatmap
    assert torch.allclose(found, torch.tensor([[1.5, -0.5], [0.0, 0.0]]), atol=0.01)


def test_gradient_shap_sums_to_the_mean_rise_as_samples_grow() -> None:
    few, many = (
        explain(formula(squares), picture(), "gradient-shap", 0, samples=samples).completeness_error
        for samples in (8, 512)
    )
    assert few is not None
    assert many is not None
    assert many < 0.01 < few


def test_blur_ig_of_a_linear_score_is_weight_times_what_the_blur_took() -> None:
    model = formula(lambda x: (x * weights()).sum((1, 2, 3)))
    found = explain(model, picture(), "blur-ig", 0, sigma=2.0).attribution
    wanted = weights() * (picture() - blur(picture(), 2.0))[0]
    assert found is not None
    assert torch.allclose(found, wanted, atol=1e-5)
