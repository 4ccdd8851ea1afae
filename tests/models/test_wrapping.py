"""``Model.wrap``: odd networks give the logits that they give in plain torch, and stay as they are."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from odd_networks import NETWORKS, Base
from torch import Tensor, nn

from deepdream import Model
from deepdream.attribution import explain
from deepdream.errors import UnknownNameError, UsageError

PICTURES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(4))
#: Those that the layout of memory concerns, and give other logits or none with channels last.
CONTIGUOUS = {"ViewFlatten", "GroupStatistics", "Strided", "ContiguityAssert"}


def made(name: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old weight_norm is deprecated
        torch.manual_seed(0)
        return NETWORKS[name]().eval()


def plain_logits(name: str) -> Tensor:
    """Of the network as plain torch runs it; compiled ones as they were written."""
    network = made(name)
    if name == "lazy":
        network = Model.wrap(network, input_size=64).module
    if name.startswith("compiled"):
        network = made("data_parallel")
    dtype = torch.float64 if name == "Float64" else torch.float32
    output = (network.float() if name == "Half" else network)(PICTURES.to(dtype).clone())
    if isinstance(output, dict):
        output = output["classes"]
    output = getattr(output, "logits", output[0] if isinstance(output, tuple) else output)
    return output.detach().float().flatten(1)


def state_of(network: nn.Module) -> dict[str, Any]:
    return {
        name: (set(vars(part)), set(part._buffers), part.training, len(getattr(part, "sizes", ())))
        for name, part in network.named_modules()
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_an_odd_network_gives_the_logits_of_plain_torch_and_stays_as_it_is(name: str) -> None:
    network = made(name)
    before = state_of(network)
    weights = {} if name == "lazy" else {k: v.clone() for k, v in network.state_dict().items()}
    model = Model.wrap(network, input_size=64)
    with torch.no_grad():
        logits = model(PICTURES)
    torch.testing.assert_close(logits.float(), plain_logits(name), rtol=1e-3, atol=1e-3)
    assert model.uses_channels_last == (name not in CONTIGUOUS)
    assert any("contiguous" in note for note in model.notes) == (name in CONTIGUOUS)
    assert model.preprocessing.fixed == (name in ("ViewFlatten", "BufferInForward"))
    assert state_of(network) == before
    assert all(torch.equal(network.state_dict()[key], value) for key, value in weights.items())


@pytest.mark.parametrize("name", NETWORKS)
def test_an_odd_network_is_explained_and_has_gradients_at_its_layers(name: str) -> None:
    model = Model.wrap(made(name), input_size=64)
    for method in ("saliency", "grad-cam", "ablation-cam"):
        assert explain(model, PICTURES[:1], method).heatmap.isfinite().all()
    picture = PICTURES[:1].clone().requires_grad_()
    layer = model.recommended_layer
    model.activations(picture, [layer])[layer].square().mean().backward()
    assert picture.grad is not None
    assert picture.grad.any()


@pytest.mark.parametrize("name", ["ViewFlatten", "Strided", "HooksItsMaps", "weight_norm", "LastConvolution"])
def test_gradients_are_those_of_plain_torch(name: str) -> None:
    """Also in a batch, and where the copy has another layout than most networks."""
    expected, picture = PICTURES.clone().requires_grad_(), PICTURES.clone().requires_grad_()
    made(name)(expected).square().sum().backward()
    Model.wrap(made(name), input_size=64)(picture).square().sum().backward()
    torch.testing.assert_close(picture.grad, expected.grad, rtol=1e-3, atol=1e-5)


def test_a_network_that_ran_before_is_wrapped_twice() -> None:
    network = made("KeepsItsMaps")
    for _ in range(2):
        network(PICTURES)
        assert Model.wrap(network, input_size=64)(PICTURES).shape == (2, 3)


def test_a_network_of_one_channel_sees_rgb_as_gray() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    model = Model.wrap(network, channels=1, mean=(0.1307,), std=(0.3081,), input_size=28)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    gray = (PICTURES * weights).sum(1, keepdim=True)
    expected = network((gray - 0.1307) / 0.3081)
    torch.testing.assert_close(model(PICTURES), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model(gray), expected, rtol=1e-4, atol=1e-5)
    assert explain(model, PICTURES[:1], "lrp").heatmap.shape == (64, 64)


def test_five_channels_are_for_tensors_only() -> None:
    network = nn.Sequential(
        nn.Conv2d(5, 4, 3),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )
    model = Model.wrap(network, channels=5, mean=(1353.0,) * 5, std=(897.0,) * 5, input_size=32)
    bands = 3000 * torch.rand(1, 5, 40, 40)
    torch.testing.assert_close(model(bands), network((bands - 1353) / 897), rtol=1e-4, atol=1e-5)
    for method in ("saliency", "grad-cam", "integrated-gradients", "occlusion", "extremal-perturbation"):
        assert explain(model, bands, method).heatmap.shape == (40, 40)
    with pytest.raises(UsageError, match=r"takes 5 channels and cannot be fed with RGB"):
        model(PICTURES)


def test_a_rectangle_is_cut_out_of_the_middle_and_laid_back() -> None:
    model = Model.wrap(Base(), input_size=(48, 96))
    picture = torch.zeros(1, 3, 200, 300)
    picture[..., 98:102, 148:152] = 1
    crop = model.crop(picture)
    assert crop.shape == (1, 3, 48, 96)
    bright = crop[0, 0].flatten().argmax()
    assert (abs(int(bright) // 96 - 24), abs(int(bright) % 96 - 48)) <= (1, 1)
    back = model.uncrop(crop, 200, 300)[0, 0]
    peak = int(back.flatten().argmax())
    assert back.shape == (200, 300)
    assert abs(peak // 300 - 100) <= 3
    assert abs(peak % 300 - 150) <= 3


def test_constant_second_inputs_are_expanded_to_the_batch() -> None:
    class Siamese(Base):
        def forward(self, x: Tensor, other: Tensor, scale: float = 1.0) -> Any:
            return self.fc((self.features(x) - self.features(other)).abs().mean((2, 3))) * scale

    torch.manual_seed(0)
    network, other = Siamese().eval(), torch.rand(1, 3, 64, 64)
    model = Model.wrap(network, input_size=64, extra=(other, 2.0))
    torch.testing.assert_close(model(PICTURES), network(PICTURES, other.expand(2, -1, -1, -1), 2.0))
    assert "extra_input_0" not in network._buffers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output": "scores"}, "has no part 'scores'. It gives 'a', 'b'"),
        (
            {},
            r"Choose one with Model.wrap\(network, output=...\): output='a' is \(2, 3\), output='b' is \(2, 3\)",
        ),
    ],
)
def test_two_tensors_that_may_be_logits_are_told_apart_by_their_name(
    arguments: dict[str, Any], message: str
) -> None:
    class Two(Base):
        def forward(self, x: Tensor) -> Any:
            logits = super().forward(x)
            return {"a": logits, "b": 2 * logits}

    network = Two().eval()
    torch.testing.assert_close(
        Model.wrap(network, input_size=64, output="b")(PICTURES), network(PICTURES)["b"], rtol=1e-4, atol=1e-5
    )
    with pytest.raises(UsageError, match=message):
        Model.wrap(network, input_size=64, **arguments)


WRONG = {
    "a function": (
        lambda: {"module": lambda x: x},
        r"takes a torch.nn.Module, not function.*docs/own-networks.md",
    ),
    "kind": (lambda: {"kind": "sigmoids"}, "Did you mean 'sigmoid'"),
    "channels": (lambda: {"channels": 0}, "channels=0 must be a whole number"),
    "size": (lambda: {"input_size": (3, 4, 5)}, r"or \(height, width\)"),
    "counts": (lambda: {"mean": (0.5, 0.5)}, "must be one number, or 3"),
    "zero": (lambda: {"std": (0.5, 0.0, 0.5)}, "must be above 0"),
    "255": (
        lambda: {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
        r"for 0 to 255: write mean=\(0.485, 0.456, 0.406\), std=\(0.229, 0.224, 0.225\)",
    ),
    "Caffe": (
        lambda: {"mean": (103.939, 116.779, 123.68)},
        r"write mean=\(0.4076, 0.458, 0.485\), std=\(1 / 255,\)\..*BGR",
    ),
    "std of 255": (lambda: {"std": (255,)}, r"for 0 to 255: write std=\(1.0, 1.0, 1.0\)"),
    "a text": (lambda: {"labels": "ant,bee,cat"}, "labels='ant,bee,cat' is one text"),
    "a number": (lambda: {"labels": 3}, "labels is 3, not a list of names"),
    "a gap": (lambda: {"labels": {0: "ant", 2: "bee"}}, "without index 1"),
    "no index": (lambda: {"labels": {"ant": "a"}}, "is a dict without indexes"),
    "too few": (lambda: {"labels": ["ant", "bee"]}, "has 2 labels for 3 classes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_argument_that_cannot_be_right_is_one_line(case: str) -> None:
    arguments, message = WRONG[case]
    with pytest.raises((UsageError, UnknownNameError), match=message) as error:
        Model.wrap(**{"module": Base(), "input_size": 32, **arguments()})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "labels",
    [["ant", "bee", "cat"], {0: "ant", 2: "cat", 1: "bee"}, {"0": "ant", "1": "bee", "2": "cat"},
     {"cat": 2, "ant": 0, "bee": 1}, {0: ["n01", "ant"], 1: ["n02", "bee"], 2: ["n03", "cat"]}],
)  # fmt: skip
def test_labels_may_be_a_list_or_a_dict(labels: Any) -> None:
    assert Model.wrap(Base(), labels=labels, input_size=32).labels == ("ant", "bee", "cat")


def test_a_label_that_is_a_number_is_found_and_one_that_is_also_an_index_is_not_guessed() -> None:
    notes = Model.wrap(Base(), labels=[10, 20, 50], input_size=32)
    assert [notes.find_class(text) for text in ("20", "2", "class 1", "²")] == [1, 2, 1, 2]
    digits = Model.wrap(Base(), labels=[1, 2, 0], input_size=32)
    with pytest.raises(UsageError, match="'1' is the label of class 0 of Base, and the index of '2'"):
        digits.find_class("1")
    assert digits.find_class("class 1") == 1
    same = Model.wrap(Base(), labels=range(3), input_size=32)
    assert same.find_class("1") == 1
    with pytest.raises(UnknownNameError, match="No class '½'"):
        same.find_class("½")
