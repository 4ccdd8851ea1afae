"""A network in bfloat16 or float16: float32 around it, a gradient that is near, and never unasked."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.errors import UsageError
from deepdream.images import read_picture
from deepdream.models import Model, Networks, load_model

LOWER = ("bfloat16", "float16")


def gradient(model: Model, image: Tensor, *layers: str) -> Tensor:
    image = image.clone().requires_grad_()
    found = model.activations(image, layers)
    assert all(value.dtype == torch.float32 for value in found.values())
    (pulled,) = torch.autograd.grad(sum(value.square().mean() for value in found.values()), image)
    assert pulled.dtype == torch.float32
    return pulled


def cosine(one: Tensor, other: Tensor) -> float:
    first, second = one.double().flatten(), other.double().flatten()
    return float(first @ second / (first.norm() * second.norm()))


@pytest.mark.parametrize(("precision", "least"), [("bfloat16", 0.98), ("float16", 0.999)])
def test_outside_of_the_network_all_is_float32(
    precision: str, least: float, tiny_model: Model, photo: Tensor
) -> None:
    lower = tiny_model.in_precision(precision)
    expected = gradient(tiny_model, photo, "stem", "body")
    found = gradient(lower, photo, "stem", "body")
    assert least < cosine(found, expected) < 1 - 1e-9
    assert float(found.norm() / expected.norm()) == pytest.approx(1, abs=0.05)
    logits = lower(photo)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, tiny_model(photo), rtol=0.05, atol=0.05)
    assert {p.dtype for p in tiny_model.module.parameters()} == {torch.float32}


def test_small_gradients_do_not_vanish_in_float16(tiny_model: Model, photo: Tensor) -> None:
    """1e-9 times a score: float16 ends at 6e-8."""
    lower = tiny_model.in_precision("float16")
    image = photo.clone().requires_grad_()
    score = 1e-9 * lower.activations(image, ["body"])["body"].square().mean()
    for _ in range(2):  # again through the same pass
        (found,) = torch.autograd.grad(score, image, retain_graph=True)
        assert cosine(found, gradient(tiny_model, photo, "body")) > 0.999


def test_it_is_made_once_and_float32_is_the_model_itself(tiny_model: Model) -> None:
    assert tiny_model.in_precision("float32") is tiny_model
    lower = tiny_model.in_precision("bfloat16")
    assert lower is tiny_model.in_precision("bfloat16")
    assert lower.layers is tiny_model.layers


def test_several_networks(tiny_model: Model, photo: Tensor) -> None:
    other = Model.wrap(tiny_model.module, name="other", input_size=64)
    both = Networks.of([tiny_model, other])
    lower = both.in_precision("bfloat16")
    names = ["body", "other/body"]
    for name, value in both.activations(photo, names).items():
        found = lower.activations(photo, names)[name]
        assert found.dtype == torch.float32
        assert not torch.equal(found, value)
        assert cosine(found, value) > 0.99


class Stubborn(nn.Module):
    """Takes float32 only."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return (self.convolution(x).mean((2, 3)) @ torch.ones(2, 4)).relu()


def test_a_network_that_cannot() -> None:
    model = Model.wrap(Stubborn(), name="stubborn", input_size=32)
    with pytest.raises(
        UsageError, match=r"stubborn does not run in bfloat16 on cpu\. Use --precision float32"
    ):
        model.in_precision("bfloat16")


@pytest.mark.weights
def test_how_far_the_embedded_network_is_from_float32() -> None:
    """The figures of docs/speed.md: the direction of a draft is another one."""
    model = load_model("efficientnet_lite0", device="cpu")
    picture = F.interpolate(read_picture("images/cat.jpg").tensor(), size=(256, 320), mode="area")
    expected = gradient(model, picture, "blocks.4")
    found = cosine(gradient(model.in_precision("bfloat16"), picture, "blocks.4"), expected)
    print(f"cosine of the bfloat16 gradient with float32: {found:.3f}")
    assert 0.6 < found < 0.98
