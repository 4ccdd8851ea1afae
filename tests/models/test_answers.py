"""What outputs mean: probabilities of one choice, of each label by itself, or numbers; through every command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from deepdream.models import Model

NET = """
import torch
from torch import nn
from deepdream import Model

def _net(outputs):
    torch.manual_seed(0)
    first = nn.Conv2d(3, 8, 3, 2, 1)
    return nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, outputs))

def _biased(outputs, **more):
    net = _net(outputs)
    with torch.no_grad():
        net[-1].weight.zero_()
        net[-1].bias.copy_(torch.tensor([-3.0, 1.0, 2.0][:outputs]))
    return Model.wrap(net, input_size=48, **more)

def unknown(): return _biased(1, labels=("tumor",))
def sigmoid(): return _biased(3, labels=("a", "b", "c"), kind="sigmoid")
def regression(): return _biased(1, kind="regression")
def softmax(): return _biased(3, labels=("a", "b", "c"))
def learned(): return Model.wrap(_net(1), input_size=48, labels=("tumor",), kind="sigmoid")
def two(): return Model.wrap(_net(2), input_size=48, labels=("no", "yes"))
def number(): return Model.wrap(_net(1), input_size=48, kind="regression")
def squashed(): return Model.wrap(nn.Sequential(_net(2), nn.Sigmoid()), input_size=48)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    Image.fromarray(pixels).save("a.png")


def sigmoid(value: float) -> float:
    return 1 / (1 + float(np.exp(-value)))


@pytest.mark.parametrize(
    ("network", "kind", "column", "values"),
    [
        ("unknown", "regression", "value", [-3.0]),
        ("regression", "regression", "value", [-3.0]),
        ("sigmoid", "sigmoid", "probability", [sigmoid(2), sigmoid(1), sigmoid(-3)]),
        ("softmax", "softmax", "probability", list(np.exp([2, 1, -3]) / np.exp([2, 1, -3]).sum())),
    ],
)
def test_predict_speaks_of_each_kind(
    network: str, kind: str, column: str, values: list[float], command: Any
) -> None:
    done = command("predict", "a.png", "--model", f"net.py:{network}", "--json")
    assert done.code == 0, done.err
    (result,) = json.loads(done.out)["results"]
    assert result["kind"] == kind
    assert [entry[column] for entry in result["top"]] == pytest.approx(values, rel=1e-5)
    shown = command("predict", "a.png", "--model", f"net.py:{network}")
    assert ("%" in shown.out) == (kind != "regression")
    assert ("its kind is not given" in shown.err) == (network == "unknown")
    table = command("predict", "a.png", "--model", f"net.py:{network}", "-o", "t")
    assert table.code == 0
    assert column in Path("t/predictions.csv").read_text().splitlines()[0]


def test_an_end_that_squashes_is_named(command: Any) -> None:
    done = command("predict", "a.png", "--model", "net.py:squashed")
    assert done.code == 2
    assert 'ends in a sigmoid: leave it out, and return Model.wrap(network, kind="sigmoid")' in done.err


@pytest.mark.parametrize("network", ["learned", "two", "number"])
@pytest.mark.parametrize(
    "words",
    [
        ("explain", "a.png", "--method", "lrp", "-o", "e.png"),
        ("check", "a.png", "--method", "saliency", "--checks", "random-logit,sufficiency,deletion"),
        ("trace", "a.png", "--size", "48", "-o", "t.png"),
        ("report", "a.png", "--budget", "2s", "-o", "r.html"),
        ("atlas", "a.png", "--layer", "1", "--steps", "1", "--cell", "32", "--grid", "2", "-o", "m.png"),
        ("fool", "a.png", "--method", "saliency"),
    ],
    ids=lambda words: words[0],
)
def test_few_outputs_never_end_as_a_bug(network: str, words: tuple[str, ...], command: Any) -> None:
    done = command(*words, "--model", f"net.py:{network}")
    if words[0] == "fool" and network != "two":
        assert done.code == 2
        assert "does not choose one of several classes" in done.err
        return
    assert done.code == 0, done.err
    if words[0] == "report":
        page = Path("r.html").read_text("utf-8")
        assert ("second class" in page) == (network == "two")
        # One number has no first answer that could stay the same.
        assert ("the number in slightly changed pictures" in page) == (network == "number")
        assert ("got the same yes or no" in page) == (network == "learned")
        assert ("got the same first answer" in page) == (network == "two")
        assert ("the probability falls" in page) <= (network != "number")


def test_a_batch_of_numbers_and_its_words() -> None:
    model = Model.wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), input_size=2, kind="sigmoid")
    logits = torch.tensor([[0.0], [2.0]])
    assert torch.allclose(model.answers(logits), torch.tensor([[0.5], [sigmoid(2)]], dtype=torch.float64))
    assert model.in_words(0.5) == "50.0%"
