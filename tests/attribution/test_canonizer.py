"""The readable copy: it computes the same, and repairs what captum silently gets wrong."""

from __future__ import annotations

import pytest
import torch
from captum.attr import LRP, DeepLift, GuidedBackprop
from captum.attr import Deconvolution as CaptumDeconvolution
from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR
from networks import Bend, bend, picture, wrapped
from torch import Tensor, nn

from deepdream.attribution import explain
from deepdream.attribution.canonizer import canonized, parts
from deepdream.attribution.decomposition import LayerNormByParts, MaxPoolByPairs, ProductBySquares
from deepdream.attribution.explainers.relevance import _positive_part
from deepdream.errors import UsageError
from deepdream.models import Model

ACTIVATIONS = [nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU, nn.LeakyReLU, nn.ELU]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_copy_computes_the_same_and_separates_what_was_shared(activation: type[nn.Module]) -> None:
    model, image = bend(activation), picture(16)
    graph = canonized(model)
    with torch.no_grad():
        assert torch.allclose(graph(model.normalize(image)), model.module(model.normalize(image)), atol=1e-5)
    called = [part for _, part in parts(graph)]
    assert len(called) == len(set(map(id, called)))
    kinds = [type(part).__name__ for part in called]
    assert kinds.count(activation.__name__) == (3 if activation is nn.ReLU else 2)
    assert {"Addition_Module", "Product", "Sigmoid"} < set(kinds)
    assert "BatchNorm2d" not in kinds


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_deep_lift_is_complete_for_every_activation_overlapping_pool_and_gate(
    activation: type[nn.Module],
) -> None:
    found = explain(bend(activation), picture(16), "deep-lift", 1, baseline="noise")
    assert found.completeness_error < 1e-4
    assert found.notes == ()


def test_captums_table_of_rules_is_left_as_it_was() -> None:
    before = dict(SUPPORTED_NON_LINEAR)
    explain(bend(nn.SiLU), picture(16), "deep-lift", 1)
    assert before == SUPPORTED_NON_LINEAR


class Normed(nn.Module):
    """Layer norms, as a module and as a function, and an activation whose input goes elsewhere too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.last = nn.Conv2d(3, 6, 3, 1, 1), nn.LayerNorm(6), nn.LayerNorm(6)
        self.act, self.head = nn.GELU(), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x).permute(0, 2, 3, 1))
        x = (self.act(x) + x).mean(dim=(1, 2))
        x = nn.functional.layer_norm(x, (6,), self.last.weight, self.last.bias, eps=self.last.eps)
        return self.head(x)


@pytest.mark.parametrize("baseline", ["black", "noise"])
def test_deep_lift_is_complete_through_layer_norms_and_shared_inputs(baseline: str) -> None:
    # Captum 0.9 loses what a shared input gets from its other readers; here each reads a copy.
    found = explain(wrapped(Normed(), 8), picture(8), "deep-lift", 1, baseline=baseline)
    assert found.completeness_error < 1e-3


class Kinds(nn.Module):
    """A chain of separate ReLU modules: what captum reads correctly."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.one = nn.Conv2d(3, 5, 3, 1, 1), nn.ReLU()
        self.second, self.two = nn.Conv2d(5, 6, 3, 2, 1), nn.ReLU()
        self.head = nn.Linear(54, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.second(self.one(self.first(x)))).flatten(1))


@pytest.mark.filterwarnings("ignore:Setting")
@pytest.mark.parametrize(
    ("method", "witness"), [("guided-backprop", GuidedBackprop), ("deconvolution", CaptumDeconvolution)]
)
def test_where_captum_reads_the_network_ours_is_captums(method: str, witness: type) -> None:
    model, image = wrapped(Kinds(), 6), picture()
    wanted = witness(model.module).attribute(image.clone().requires_grad_(), target=1)
    assert torch.allclose(explain(model, image, method, 1).attribution, wanted[0], atol=1e-6)


@pytest.mark.filterwarnings("ignore:Setting")
def test_deep_lift_and_lrp_are_captums_where_captum_reads_the_network() -> None:
    model, image = wrapped(Kinds(), 6), picture()
    lifted = DeepLift(model.module).attribute(image.clone().requires_grad_(), target=1)
    assert torch.allclose(explain(model, image, "deep-lift", 1).attribution, lifted[0], atol=1e-6)
    relevance = LRP(model.module).attribute(image.clone().requires_grad_(), target=1)
    assert torch.allclose(
        explain(model, image, "lrp", 1, rule="epsilon").attribution, relevance[0], atol=1e-4
    )


@pytest.mark.parametrize("method", ["guided-backprop", "deconvolution"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_guided_methods_are_not_the_gradient(method: str, activation: type[nn.Module]) -> None:
    found = explain(bend(activation), picture(16), method, 1)
    assert "identical to the gradient" not in found.notes
    smooth = activation not in (nn.ReLU, nn.ReLU6)
    assert any(activation.__name__ in note for note in found.notes) == smooth


@pytest.mark.parametrize("size", [5, 8, 13])
@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(3, 1, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d((2, 3), (1, 2), (1, 1)),
    ],
)
def test_a_max_pool_by_pairs_is_the_max_pool(pool: nn.MaxPool2d, size: int) -> None:
    x = torch.randn(2, 3, size, size + 1, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(MaxPoolByPairs(pool)(x), pool(x), atol=1e-5)


def test_products_and_norms_by_parts_are_what_they_replace() -> None:
    random = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 4, 4, generator=random), torch.randn(2, 3, 1, 1, generator=random)
    assert torch.allclose(ProductBySquares()(a, b), a * b, atol=1e-5)
    norm = nn.LayerNorm(4)
    nn.init.normal_(norm.weight, generator=random)
    assert torch.allclose(LayerNormByParts(norm)(a), norm(a), atol=1e-4)


@pytest.mark.parametrize(("bias", "share"), [(0.5, 0.5), (-0.5, 0.0)])
def test_the_positive_part_of_a_convolution_is_the_sum_of_positive_contributions(
    bias: float, share: float
) -> None:
    conv = nn.Conv2d(2, 1, 1)
    x = torch.tensor([1.0, -2.0]).reshape(1, 2, 1, 1)
    with torch.no_grad():
        conv.bias.fill_(bias)
        conv.weight.copy_(torch.tensor([3.0, -4.0]).reshape(1, 2, 1, 1))
        assert float(_positive_part(conv, x)) == pytest.approx(11.0 + share)
        conv.weight.copy_(torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1))
        assert float(_positive_part(conv, x)) == pytest.approx(3.0 + share)


class Winding(nn.Module):
    """Its way depends on what it sees, so there is no one graph."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        if x.mean() > 0:
            x = x.relu()
        return self.head(x.mean(dim=(2, 3)))


@pytest.mark.parametrize("method", ["deep-lift", "lrp", "guided-backprop"])
def test_a_network_without_one_graph_is_refused_with_the_reason(method: str) -> None:
    with pytest.raises(
        UsageError, match=r"does not apply to small: its computation cannot be written as one graph"
    ):
        explain(wrapped(Winding(), 8), picture(8), method, 1)


class Sorted(Bend):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).cumprod(dim=1)


def test_an_operation_without_a_rule_is_named() -> None:
    model: Model = wrapped(Sorted(), 16)
    with pytest.raises(UsageError, match="deep-lift does not apply to small: no rule for cumprod"):
        explain(model, picture(16), "deep-lift", 1)
