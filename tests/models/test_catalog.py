"""The shipped index against torchvision, and what names mean."""

from __future__ import annotations

import json

import pytest

from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import timm_networks, torchvision_networks
from deepdream.models.catalog import catalog, find_entry
from deepdream.models.embedded import imagenet_labels


def test_shipped_index_is_what_torchvision_publishes() -> None:
    """If a new torchvision fails this: ``python -m deepdream.models.torchvision_networks`` writes it anew."""
    shipped = json.loads(torchvision_networks.INDEX.read_text())
    made = json.loads(json.dumps(torchvision_networks.make_index()))
    assert shipped == made


def test_every_classification_network_of_torchvision_is_there() -> None:
    from torchvision import models

    for name in models.list_models(module=models):
        entry = catalog()[name]
        default = models.get_model_weights(name).DEFAULT
        assert entry.url == default.url
        assert abs(entry.bytes / 2**20 - default.meta["_file_size"]) < 0.0006  # type: ignore[operator]
        assert entry.hash in entry.file
        assert tuple(default.meta["categories"]) == imagenet_labels()


def test_preprocessing_is_that_of_the_published_weights() -> None:
    resnet = catalog()["resnet50"].preprocessing
    assert (resnet.resize, resnet.crop, resnet.interpolation, resnet.fixed) == (232, 224, "bilinear", False)
    assert catalog()["googlenet"].preprocessing.mean == (0.5, 0.5, 0.5)
    assert catalog()["vit_b_16"].preprocessing.fixed


def test_other_weights_of_a_network_have_names_of_their_own() -> None:
    first = find_entry("resnet50@IMAGENET1K_V1")
    assert first.file == "resnet50-0676ba61.pth"
    assert first.network == find_entry("ResNet50").network == "resnet50"


def test_size_is_stated_before_anything_is_downloaded() -> None:
    assert catalog()["googlenet"].size_text == "49.7 MB"


def test_unknown_names_bring_the_nearest_and_the_command_that_lists_all() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_entry("googlnet")
    assert str(caught.value).startswith("No model 'googlnet'. Did you mean 'googlenet'")
    assert str(caught.value).endswith("? `deepdream models` lists all.")


def test_timm_absent_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm_networks, "installed", lambda: False)
    with pytest.raises(UsageError, match=r'pip install "deepdream\[timm\]"'):
        find_entry("timm:resnet18")


def test_timm_entry_says_where_its_weights_are_and_how_it_is_fed() -> None:
    timm = pytest.importorskip("timm")
    entry = find_entry("timm:resnet18.a1_in1k")
    known = timm.get_pretrained_cfg("resnet18.a1_in1k")
    assert entry.url == "https://huggingface.co/timm/resnet18.a1_in1k/resolve/main/model.safetensors"
    assert entry.preprocessing.mean == known.mean
    assert entry.preprocessing.resize == int(224 / 0.95)
    assert entry.license == "apache-2.0"
    with pytest.raises(UnknownNameError, match="timm:resnet18"):
        find_entry("timm:resnet81")
