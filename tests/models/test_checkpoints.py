"""Checkpoints as training scripts leave them: which tensors are used, what is said of it, and what is refused."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from deepdream import Model, load_model
from deepdream.errors import DeepDreamError, UnknownNameError, WeightsError
from deepdream.models.checkpoints import CheckpointFile

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.Linear(6, 4)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))

class Inside(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def forward(self, x):
        return self.net(x)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(CODE)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    """Of ``Net``, other ones than it makes itself."""
    tensors = load_model("net.py:Net", device="cpu").module.state_dict()
    return {name: value + 1 if value.is_floating_point() else value for name, value in tensors.items()}


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in tensors.items()}


def doubled(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value * 2 for name, value in tensors.items()}


def load(content: Any, function: str = "Net", key: str = "") -> Model:
    torch.save(content, "x.pth")
    return load_model(f"net.py:{function}", weights="x.pth" + key, device="cpu")


def lightning(w: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "state_dict": prefixed("model.", w),
        "epoch": 1,
        "hyper_parameters": {"lr": 0.1},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(6, 3, 3, 3)}}}],
        "callbacks": {},
    }


FORMS: dict[str, Any] = {
    "plain": lambda w: w,
    "DataParallel": lambda w: prefixed("module.", w),
    "compiled": lambda w: prefixed("_orig_mod.module.", w),
    "a part compiled": lambda w: {n.replace("conv.", "conv._orig_mod."): v for n, v in w.items()},
    "Lightning": lightning,
    "a backbone": lambda w: prefixed("encoder.backbone.", w),
    "net": lambda w: {"net": w, "acc": 93.0},
    "network": lambda w: {"network": prefixed("module.", w)},
    "weights": lambda w: {"weights": w},
    "params": lambda w: {"params": w},
    "model_state": lambda w: {"model_state": w, "args": argparse.Namespace(lr=1), "best": np.float64(3)},
    "deep": lambda w: {"checkpoint": {"model": {"state_dict": prefixed("module.", w)}}},
    "any other word": lambda w: {"generator": w, "optimizer": {"state": {}, "param_groups": []}},
    "SWA": lambda w: {"n_averaged": torch.tensor(3), **prefixed("module.", w)},
    "thop": lambda w: {"total_ops": torch.zeros(1), "conv.total_params": torch.zeros(1), **w},
    "an epoch": lambda w: {**w, "epoch": 3},
    "without counters": lambda w: {n: v for n, v in w.items() if "num_batches" not in n},
    "EMA alone": lambda w: {"params_ema": w},
}


@pytest.mark.parametrize("function", ["Net", "Inside"])
@pytest.mark.parametrize("form", FORMS)
def test_weights_are_found_in_whatever_holds_them(
    form: str, function: str, weights: dict[str, Tensor]
) -> None:
    model = load(FORMS[form](weights), function)
    tensors = model.module.state_dict()
    for name, value in weights.items():
        if "num_batches" not in name:
            assert torch.equal(tensors["net." + name if function == "Inside" else name], value)
    assert model.notes == ()


AVERAGED: dict[str, Any] = {
    "two dicts": (lambda w: {"state_dict": w, "state_dict_ema": doubled(w)}, "state_dict", "state_dict_ema"),
    "the average first": (lambda w: {"ema": doubled(w), "model": w}, "model", "ema"),
    "two prefixes": (
        lambda w: {**prefixed("ema_model.module.", doubled(w)), **prefixed("model.", w)},
        "model",
        "ema_model",
    ),
    "teacher": (lambda w: {"teacher": doubled(w), "student": w}, "student", "teacher"),
}


@pytest.mark.parametrize("form", AVERAGED)
def test_plain_weights_come_before_averaged_ones_which_have_a_key(
    form: str, weights: dict[str, Tensor]
) -> None:
    wrap, plain, averaged = AVERAGED[form]
    model = load(wrap(weights))
    assert torch.equal(model.module.state_dict()["conv.weight"], weights["conv.weight"])
    assert model.notes == (
        f"x.pth holds several sets of weights: {plain} is used; --weights x.pth:{averaged} uses {averaged}",
    )
    other = load(wrap(weights), key=f":{averaged}")
    assert torch.equal(other.module.state_dict()["conv.weight"], 2 * weights["conv.weight"])
    assert (other.weights.origin, other.notes) == (f"file x.pth:{averaged}", ())
    with pytest.raises(
        UnknownNameError, match=f"No weights '{averaged}x' in x.pth. Did you mean '{averaged}'"
    ):
        load(wrap(weights), key=f":{averaged}x")


def test_what_is_outside_of_the_prefix_is_named(weights: dict[str, Tensor]) -> None:
    model = load({**prefixed("model.", weights), "loss.weight": torch.ones(4)})
    assert model.notes == ("1 tensors of x.pth are not used (loss.weight)",)


REFUSED: dict[str, Any] = {
    "one is missing": (
        lambda w: {"model": {n: v for n, v in w.items() if n != "head.bias"}},
        r"x.pth, given as weights of net.py:Net, does not fit: 1 tensors missing \(head.bias\).$",
    ),
    "other classes": (
        lambda w: {**w, "head.weight": torch.ones(7, 6), "head.bias": torch.ones(7)},
        "The file is of a network with 7 classes, and this one has 4: make it with 7.$",
    ),
    "another network": (
        lambda w: {"a.b": torch.ones(3)},
        r"8 tensors missing .*; 1 tensors unexpected \(a.b\)",
    ),
    "no tensors": (
        lambda w: {"epoch": 1},
        r"it holds dict, not named tensors. Save the network's state_dict\(\).$",
    ),
    "an optimizer alone": (lambda w: {"optimizer": {"a": torch.ones(3)}}, "not named tensors"),
    "a list": (lambda w: [w], "it holds list, not named tensors"),
    "NaN": (
        lambda w: {"net": {**w, "head.bias": torch.full((4,), torch.nan)}},
        r"NaN or infinity \(head.bias\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_one_line(case: str, weights: dict[str, Tensor]) -> None:
    wrap, message = REFUSED[case]
    with pytest.raises(WeightsError, match=message) as error:
        load(wrap(weights))
    assert "\n" not in str(error.value)


def test_a_checkpoint_of_a_listed_network_is_found_too() -> None:
    from torchvision.models import squeezenet1_1

    torch.manual_seed(1)
    weights = squeezenet1_1().state_dict()
    content = {"net": prefixed("module.", weights), "ema": doubled(weights)}
    torch.save(content, "x.pth")
    plain = load_model("squeezenet1_1", weights="x.pth", device="cpu")
    averaged = load_model("squeezenet1_1", weights="x.pth:ema", device="cpu")
    first = "features.0.weight"
    assert torch.equal(plain.module.state_dict()[first], weights[first])
    assert torch.equal(averaged.module.state_dict()[first], 2 * weights[first])
    assert "net is used; --weights x.pth:ema uses ema" in plain.notes[0]


def test_a_colon_in_a_file_name_is_not_a_key(weights: dict[str, Tensor]) -> None:
    torch.save(weights, "a.pth:b")
    assert CheckpointFile.parse("a.pth:b") == CheckpointFile(Path("a.pth:b"))
    assert CheckpointFile.parse("a.pth:c") == CheckpointFile(Path("a.pth"), "c")
    assert CheckpointFile.parse("C:/runs/a.ckpt") == CheckpointFile(Path("C:/runs/a.ckpt"))
    with pytest.raises(DeepDreamError, match="not a weight file"):
        load_model("net.py:Net", weights="a.pth:b", device="cpu")
