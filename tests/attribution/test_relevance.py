"""Layer-wise relevance: of the network itself, and nearly the same when its weights are rounded."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from networks import picture, wrapped
from torch import Tensor, nn

from deepdream.attribution import explain
from deepdream.attribution.canonizer import canonized
from deepdream.attribution.explainers.relevance import _Boxed, _Composite
from deepdream.models import Model, load_model


class Bottlenecks(nn.Module):
    """Linear ends of both signs, and channels that nothing but a bias makes active: a small EfficientNet."""

    def __init__(self, norms: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, 1, 1)
        self.blocks = nn.ModuleList(self._block(norms) for _ in range(3))
        self.head = nn.Linear(6, 4)

    @staticmethod
    def _block(norms: bool) -> nn.Module:
        first: list[nn.Module] = [nn.BatchNorm2d(6), nn.ReLU6()] if norms else []
        widen, deep = nn.Conv2d(6, 12, 1), nn.Conv2d(12, 12, 3, 1, 1, groups=12)
        return nn.Sequential(*first, widen, nn.ReLU6(), deep, nn.ReLU6(), nn.Conv2d(12, 6, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            x = x + block(x)
        return self.head(x.mean(dim=(2, 3)))


def bottlenecks(norms: bool = False) -> Model:
    model = wrapped(Bottlenecks(norms), 12)
    with torch.no_grad():
        for block in model.module.blocks:
            widen, deep = (part for part in block if isinstance(part, nn.Conv2d) and part.out_channels == 12)
            widen.bias[:6] = -9.0  # always off,
            deep.bias[:6] = 2.0  # and then on by the bias alone
    return model


@pytest.mark.parametrize("norms", [False, True])
def test_the_rules_run_on_the_network_itself(norms: bool) -> None:
    model, image = bottlenecks(norms), picture(12)
    graph = canonized(model)
    ends = (model.normalize(v) for v in (image, torch.zeros_like(image), torch.ones_like(image)))
    assert torch.allclose(_Composite(graph).run(_Boxed(*ends)), model(image), atol=1e-5)


def test_a_unit_below_zero_is_shared_by_what_made_it_so() -> None:
    module = nn.Sequential(
        nn.Identity(),
        nn.Conv2d(3, 3, 1, bias=False),
        nn.Conv2d(3, 1, 1, bias=False),
        nn.Conv2d(1, 1, 1, bias=False),
        nn.Flatten(),
    )
    with torch.no_grad():
        module[1].weight.copy_(torch.eye(3)[:, :, None, None])
        module[2].weight.copy_(torch.tensor([1.0, -2.0, -3.0]).reshape(1, 3, 1, 1))
        module[3].weight.fill_(-1.0)
    model = Model.wrap(module.eval(), name="signs", input_size=1)
    found = explain(model, torch.ones(1, 3, 1, 1), "lrp", 0).attribution
    # 1 - 2 - 3 is -4, which the last layer turns into +4: the score is owed to the second and the third.
    assert found is not None
    assert torch.allclose(found.flatten(), torch.tensor([0.0, 1.6, 2.4]), atol=1e-5)


@pytest.mark.weights
@pytest.mark.parametrize("method", ["saliency", "lrp"])
def test_a_network_in_half_precision_is_explained_as_its_rounded_weights_in_float32(method: str) -> None:
    model = load_model("efficientnet_lite0", device="cpu")
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    half = replace(model, module=copy.deepcopy(model.module).half())
    rounded = replace(model, module=copy.deepcopy(model.module).half().float())
    found = explain(half, image, method, 7).heatmap
    assert torch.equal(found, explain(rounded, image, method, 7).heatmap)
    if method == "lrp":  # which is no gradient: what the rounding changes is small
        whole = explain(model, image, method, 7).heatmap
        assert float((found - whole).abs().max()) < 0.05 * float(whole.abs().max())
