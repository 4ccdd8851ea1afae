"""What is said of means and deviations that are likely wrong, and that nothing is said of right ones."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from deepdream import Model, load_model
from deepdream.models.catalog import catalog, find_entry
from deepdream.models.feeding_checks import (
    FeedingWarning,
    check_first_norm,
    check_statistics,
    likely_pictures,
)
from deepdream.models.records import Preprocessing

HALF = (0.5,) * 3


def plan(mean: Any, std: Any) -> Preprocessing:
    return Preprocessing(tuple(mean), tuple(std), crop=96)


def test_nothing_is_said_of_any_listed_network_s_own_statistics() -> None:
    for entry in catalog().values():
        assert check_statistics(entry.preprocessing) == ()


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "inception_v3", "mixer_b16_224", "resnet18"])
def test_nothing_is_said_of_timm_s_own_statistics(name: str) -> None:
    assert check_statistics(find_entry(f"timm:{name}").preprocessing) == ()


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.0,), (1.0,)), (HALF, HALF), ((0.1307,), (0.3081,)), ((0.4914, 0.4822, 0.4465), (0.2, 0.2, 0.2))],
)
def test_nothing_is_said_of_usual_statistics(mean: Any, std: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        channels = len(mean) if len(mean) == 3 else 1
        network = nn.Sequential(nn.Conv2d(channels, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        assert Model.wrap(network, mean=mean, std=std, channels=channels, input_size=32).notes == ()


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        (
            (0.406, 0.456, 0.485),
            (0.225, 0.224, 0.229),
            r"order blue, green, red \(BGR\), and pictures are RGB",
        ),
        ((0.0,), (1 / 255,), "normalized pictures reach 255.*trained on 0 to 255"),
        ((0.485, 0.456, 0.406), (1 / 255,), "normalized pictures reach 151"),
        ((-0.5,), (0.5,), r"mean=\(-0.5, -0.5, -0.5\) is below 0"),
    ],
)
def test_what_is_likely_wrong_is_one_sentence(mean: Any, std: Any, message: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.warns(FeedingWarning, match=message):
        notes = Model.wrap(network, mean=mean, std=std, input_size=32).notes
    assert len(notes) == 1


@pytest.mark.weights
@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_the_first_norm_of_a_trained_network_knows_its_statistics(name: str) -> None:
    """Nothing where they are right or ImageNet's; one line where pictures are 255 times as wide or as narrow."""
    network = copy.deepcopy(load_model(name, device="cpu").module)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.num_batches_tracked.fill_(100_000)  # which the published file leaves out
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    for right in ((HALF, HALF), imagenet, ((0.0,) * 3, (1.0,) * 3)):
        assert check_first_norm(network, plan(*right), 3) == ()
    (wide,) = check_first_norm(network, plan(HALF, (1 / 255,) * 3), 3)
    assert "times as wide as in training" in wide
    assert wide.endswith("Are mean and std for 0 to 255?")
    (narrow,) = check_first_norm(network, plan((0.0,) * 3, (255.0,) * 3), 3)
    assert narrow.endswith("Was it trained on 0 to 255?")


def test_an_untrained_network_says_nothing_and_a_few_batches_are_enough() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    far = plan((0.0,) * 3, (1 / 255,) * 3)
    assert check_first_norm(network.eval(), far, 3) == ()
    network.train()
    for _ in range(10):
        network(likely_pictures(4, 96, 96))
    network.eval()
    before = copy.deepcopy(network.state_dict())
    assert check_first_norm(network, plan((0.0,) * 3, (1.0,) * 3), 3) == ()
    assert len(check_first_norm(network, far, 3)) == 1
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(part._forward_pre_hooks for part in network.modules())


def test_the_command_says_it_once(tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(
        "from torch import nn\nfrom deepdream import Model\ndef build():\n"
        "    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "    return Model.wrap(net, mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229), input_size=32)\n"
    )
    picture = Path(__file__).parents[2] / "images" / "cat.jpg"
    result = command("predict", str(picture), "--model", "net.py:build")
    assert result.code == 0
    assert result.err.count("(BGR)") == 1
    assert result.err.count("\n") == 1
