"""Second opinions on the methods: grad-cam, torchcam, zennit and PAIR's saliency, on networks small enough for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from networks import SIDE, bend, picture, wrapped
from torch import Tensor, nn

from deepdream.attribution import Question, ScoreFunction, explain
from deepdream.attribution.explainers.regions import taken_in_order
from deepdream.attribution.segments import cells
from deepdream.models import Model

# The peers warn of their own old ways of calling other libraries.
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("default")]
LAYER = "3"


def network(bias: bool = True) -> Model:
    """Two convolutions, then a head that is not linear, so that the methods differ."""
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, 1, 1, bias=bias),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, 2, 1, bias=bias),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * (SIDE // 2) ** 2, 12, bias=bias),
        nn.ReLU(),
        nn.Linear(12, 4, bias=bias),
    )
    return wrapped(module, SIDE)


def stretched(values: Tensor) -> Tensor:
    """To [0, 1], as both peers give their maps."""
    return (values - values.min()) / (values.max() - values.min())


def correlation(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]).double())[0, 1])


#: Ours to theirs; the first three differ from ours by nothing but the scale.
GRAD_CAM = {
    "grad-cam": "GradCAM",
    "hires-cam": "HiResCAM",
    "layer-cam": "LayerCAM",
    "x-grad-cam": "XGradCAM",
    "grad-cam-plus-plus": "GradCAMPlusPlus",
    "score-cam": "ScoreCAM",
    "ablation-cam": "AblationCAM",
}


@pytest.mark.parametrize("name", GRAD_CAM)
def test_grad_cam_draws_the_same_maps(name: str) -> None:
    peer = pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    target = pytest.importorskip("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget
    model, image = network(), picture()
    with getattr(peer, GRAD_CAM[name])(model=model.module, target_layers=[model.module[int(LAYER)]]) as cam:
        theirs = torch.from_numpy(cam(input_tensor=model.normalize(image), targets=[target(1)])[0])
    mine = explain(model, image, name, 1, layer=LAYER).heatmap
    assert mine.any()
    if name in ("grad-cam", "hires-cam", "layer-cam"):
        assert torch.allclose(stretched(mine), stretched(theirs), atol=1e-3)
    else:
        assert correlation(mine, theirs) > 0.98


def test_grad_cam_finds_the_same_main_pattern_where_every_channels_mean_is_zero() -> None:
    """Elsewhere Eigen-CAM is another: grad-cam takes each channel's mean off before, its paper does not."""
    peer = pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    target = pytest.importorskip("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, 1, 1), nn.InstanceNorm2d(6), nn.Conv2d(6, 4, SIDE), nn.Flatten()
    )
    model, image = wrapped(module, SIDE), picture()
    with peer.EigenCAM(model=model.module, target_layers=[model.module[1]]) as cam:
        theirs = torch.from_numpy(cam(input_tensor=model.normalize(image), targets=[target(1)])[0])
    mine = explain(model, image, "eigen-cam", 1, layer="1").heatmap
    # The sign of a singular vector is free, and grad-cam cuts off what is below zero.
    assert max(correlation(v.relu(), theirs) for v in (mine, -mine)) > 0.999


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("grad-cam", "GradCAM"),
        ("grad-cam-plus-plus", "GradCAMpp"),
        ("layer-cam", "LayerCAM"),
        ("x-grad-cam", "XGradCAM"),
    ],
)
def test_torchcam_draws_the_same_maps(name: str, peer: str) -> None:
    methods = pytest.importorskip("torchcam.methods", reason="torchcam is not installed")
    model, image = network(), picture()
    with getattr(methods, peer)(model.module, target_layer=LAYER) as extract:
        scores = model.module(model.normalize(image).requires_grad_())
        theirs = extract(1, scores)[0].detach()[0]
    mine = explain(model, image, name, 1, layer=LAYER)
    coarse = mine.resized(*theirs.shape)
    assert correlation(coarse, theirs) > 0.95


def test_zennit_hands_down_the_same_relevance() -> None:
    zennit: Any = pytest.importorskip("zennit", reason="zennit is not installed")
    from zennit.attribution import Gradient
    from zennit.composites import LayerMapComposite
    from zennit.rules import Epsilon
    from zennit.types import Linear

    model, image = network(), picture()
    assert zennit
    composite = LayerMapComposite([(Linear, Epsilon(epsilon=1e-6))])
    with Gradient(model.module, composite) as attributor:
        _, theirs = attributor(model.normalize(image), torch.eye(4)[[1]] * model(image).detach())
    mine = explain(model, image, "lrp", 1, rule="epsilon").attribution
    assert mine is not None
    assert torch.allclose(mine, theirs[0].detach(), rtol=1e-3, atol=1e-5)


def test_zennit_has_the_same_composite() -> None:
    """z-box at the pixels, z+ in convolutions, epsilon in dense layers, biases taking their part."""
    pytest.importorskip("zennit", reason="zennit is not installed")
    from zennit.attribution import Gradient
    from zennit.composites import SpecialFirstLayerMapComposite
    from zennit.rules import Epsilon, ZBox, ZPlus
    from zennit.types import Convolution, Linear

    model, image = network(), picture()
    composite = SpecialFirstLayerMapComposite(
        [(Convolution, ZPlus(stabilizer=1e-9)), (Linear, Epsilon(epsilon=1e-9))],
        [(Convolution, ZBox(low=torch.tensor(0.0), high=torch.tensor(1.0), stabilizer=1e-9))],
    )
    with Gradient(model.module, composite) as attributor:
        _, theirs = attributor(model.normalize(image), torch.eye(4)[[1]] * model(image).detach())
    mine = explain(model, image, "lrp", 1).attribution
    assert mine is not None
    assert torch.allclose(mine, theirs[0].detach(), rtol=1e-3, atol=1e-5 * float(mine.abs().max()))


def gradients_of(model: Model) -> Callable[..., dict[str, Any]]:
    """What PAIR's methods ask a network: pictures (B, H, W, C) to gradients of the same shape."""
    core = pytest.importorskip("saliency.core", reason="saliency is not installed")

    def call(images: Any, call_model_args: object = None, expected_keys: object = None) -> dict[str, Any]:
        pixels = torch.as_tensor(images).float().permute(0, 3, 1, 2)
        found = ScoreFunction.of(model, picture(), Question(1)).gradients(pixels)
        return {core.INPUT_OUTPUT_GRADIENTS: found.permute(0, 2, 3, 1).double().numpy()}

    return call


def channels_last(image: Tensor) -> Any:
    return image[0].permute(1, 2, 0).double().numpy()


def test_pair_walks_the_same_guided_path(monkeypatch: pytest.MonkeyPatch) -> None:
    core = pytest.importorskip("saliency.core", reason="saliency is not installed")
    quantile = np.quantile
    # Its call is of a time before numpy 2.4.
    monkeypatch.setattr(np, "quantile", lambda a, q, interpolation: quantile(a, q, method=interpolation))
    model, image = bend(nn.SiLU), picture(16)
    theirs = core.GuidedIG().GetMask(channels_last(image), gradients_of(model), x_steps=200, max_dist=0.1)
    mine = explain(model, image, "guided-ig", 1, steps=200, distance=0.1).attribution
    assert mine is not None
    assert correlation(mine, torch.from_numpy(theirs).permute(2, 0, 1)) > 0.995


def test_pair_walks_the_same_blurs() -> None:
    core = pytest.importorskip("saliency.core", reason="saliency is not installed")
    # Beyond the picture theirs is black and ours goes on as at the border: black too, here.
    model, image = bend(nn.SiLU, 48), nn.functional.pad(picture(16), (16, 16, 16, 16))
    theirs = core.BlurIG().GetMask(channels_last(image), gradients_of(model), max_sigma=4, steps=400)
    mine = explain(model, image, "blur-ig", 1, sigma=4.0).attribution
    assert mine is not None
    assert correlation(mine, torch.from_numpy(theirs).permute(2, 0, 1)) > 0.99


def test_pair_takes_the_same_regions_in_the_same_order() -> None:
    core = pytest.importorskip("saliency.core", reason="saliency is not installed")
    density = torch.randn(12, 12, generator=torch.Generator().manual_seed(3))
    scales = [cells((12, 12), count, count) for count in (2, 3, 4)]
    masks = torch.cat([scale == torch.arange(int(scale.max()) + 1)[:, None, None] for scale in scales])
    parameters = core.XRAIParameters(area_threshold=1.0)
    parameters.experimental_params = {"min_pixel_diff": 1}
    theirs = core.XRAI().GetMask(
        channels_last(picture(12)),
        None,
        segments=list(masks.numpy()),
        base_attribution=density[..., None].expand(-1, -1, 3).numpy(),
        extra_parameters=parameters,
    )
    assert correlation(taken_in_order(density, masks), torch.from_numpy(theirs)) > 0.999
