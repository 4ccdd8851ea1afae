"""Captum's own answers, on a network that it can read, with a smooth bend so that the methods differ."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch
from captum import attr
from networks import SIDE, picture, wrapped
from torch import Tensor, nn

from deepdream.attribution import Question, ScoreFunction, explain
from deepdream.attribution.explainers.paths import noisy_baselines
from deepdream.attribution.segments import cells
from deepdream.models import Model

# Captum speaks of the hooks it sets, and of the pictures it takes one by one.
pytestmark = pytest.mark.filterwarnings("ignore")
#: Of weights by which every method has something to say.
SEED = 6
#: Four regions, which the superpixels of a picture of four flat quarters are.
QUARTERS = cells((SIDE, SIDE), 2, 2)


def network() -> Model:
    head = nn.Conv2d(6, 4, 3, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * SIDE**2, 8), nn.ReLU()
    return wrapped(
        nn.Sequential(nn.Conv2d(3, 6, 3, 1, 1), nn.ReLU(), *head, nn.Linear(8, 3)), SIDE, seed=SEED
    )


def smooth() -> Model:
    body = nn.Conv2d(3, 6, 3, 1, 1), nn.SiLU(), nn.Flatten(), nn.Linear(6 * SIDE**2, 8), nn.Tanh()
    return wrapped(nn.Sequential(*body, nn.Linear(8, 3)), SIDE, seed=SEED)


def quarters() -> Tensor:
    """A picture of four flat colors."""
    return picture(2)[:, :, QUARTERS // 2, QUARTERS % 2]


def mine(model: Model, image: Tensor, name: str, **more: Any) -> Tensor:
    found = explain(model, image, name, 1, **more)
    return found.heatmap if found.attribution is None else found.attribution


def apart(one: Tensor, other: Tensor) -> float:
    """The largest difference as a share of the largest value."""
    return float((one - other).abs().max() / other.abs().max())


def test_gradients_are_captums() -> None:
    model, image = network(), picture()
    asked = image.clone().requires_grad_()
    saliency = attr.Saliency(model.module).attribute(asked, target=1, abs=False)[0]
    assert apart(mine(model, image, "saliency"), saliency) < 1e-5
    product = attr.InputXGradient(model.module).attribute(asked, target=1)[0].detach()
    assert apart(mine(model, image, "input-x-gradient"), product) < 1e-5


@pytest.mark.parametrize(
    ("name", "kind"),
    [("smoothgrad", "smoothgrad"), ("smoothgrad-squared", "smoothgrad_sq"), ("vargrad", "vargrad")],
)
def test_gradients_over_noise_are_captums(name: str, kind: str) -> None:
    """Both are means over their own draws."""
    model, image = smooth(), picture()
    torch.manual_seed(0)
    tunnel = attr.NoiseTunnel(attr.Saliency(model.module))
    spread = 0.15 * float(image.max() - image.min())
    theirs = tunnel.attribute(
        image, nt_type=kind, nt_samples=4000, nt_samples_batch_size=500, stdevs=spread, target=1, abs=False
    )[0]
    assert apart(mine(model, image, name, samples=4000), theirs) < 0.1


def test_integrals_along_a_line_are_captums() -> None:
    model, image = smooth(), picture()
    integral = attr.IntegratedGradients(model.module).attribute(image, target=1, n_steps=200)[0].float()
    assert apart(mine(model, image, "integrated-gradients"), integral) < 0.02
    torch.manual_seed(0)
    expected = attr.GradientShap(model.module).attribute(
        image, baselines=torch.zeros_like(image), n_samples=4000, target=1
    )[0]
    assert apart(mine(model, image, "gradient-shap", samples=400, noise=0.0), expected.detach()) < 0.05


def test_deep_lift_shap_is_captums_over_the_same_baselines() -> None:
    model, image = network(), picture()
    score_function = ScoreFunction.of(model, image, Question(1))
    baselines = torch.cat(list(islice(noisy_baselines(score_function, 0.1, score_function.generator()), 8)))
    theirs = attr.DeepLiftShap(model.module).attribute(image, baselines=baselines, target=1)[0].detach()
    assert apart(mine(model, image, "deep-lift-shap", samples=8), theirs) < 1e-4


def test_guided_grad_cam_is_captums_where_nothing_is_enlarged() -> None:
    model, image = network(), picture()
    theirs = attr.GuidedGradCam(model.module, model.module[1]).attribute(
        image.clone().requires_grad_(), target=1
    )
    assert apart(mine(model, image, "guided-grad-cam", layer="1"), theirs[0].detach()) < 1e-4


def test_shapley_values_are_captums() -> None:
    model, image = network(), quarters()
    theirs = attr.ShapleyValues(model.module).attribute(image, target=1, feature_mask=QUARTERS[None, None])[
        0, 0
    ]
    # Captum gives every pixel its region's value, we share it out.
    for name in ("shapley", "shapley-sampling"):
        found = mine(model, image, name, segments=4, **({} if name == "shapley" else {"samples": 400}))
        assert apart(found * SIDE**2 / 4, theirs) < (1e-4 if name == "shapley" else 0.1)


def test_kernel_shap_is_captums() -> None:
    model, image = network(), quarters()
    torch.manual_seed(0)
    theirs = attr.KernelShap(model.module).attribute(
        image, target=1, feature_mask=QUARTERS[None, None], n_samples=2000
    )[0, 0]
    assert apart(mine(model, image, "kernel-shap", segments=4) * SIDE**2 / 4, theirs) < 0.05


def test_lime_is_captums_with_the_same_kernel_and_least_squares() -> None:
    from captum._utils.models.linear_model import SkLearnLinearRegression

    def nearness(_: Tensor, __: Tensor, members: Tensor, **___: Any) -> Tensor:
        return torch.exp(-((1 - members.double().mean().sqrt()) ** 2) / 0.25**2)

    model, image = network(), quarters()
    torch.manual_seed(0)
    theirs = attr.Lime(
        model.module, interpretable_model=SkLearnLinearRegression(), similarity_func=nearness
    ).attribute(image, target=1, feature_mask=QUARTERS[None, None], n_samples=2000)[0, 0]
    assert apart(mine(model, image, "lime", segments=4, samples=2000), theirs) < 0.05
