"""A toy family of networks: one ``register``, and its networks are listed, found and loaded by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from deepdream.errors import UnknownNameError
from deepdream.models import load_model
from deepdream.models.catalog import catalog, find_entry
from deepdream.models.families import FAMILIES, NetworkFamily, WeightLocation, register
from deepdream.models.records import CatalogEntry, Preprocessing


def toy_entry(name: str) -> CatalogEntry:
    plan = Preprocessing((0.5,) * 3, (0.5,) * 3, resize=32, crop=32)
    return CatalogEntry(name, name, "toys", f"{name}.pth", classes=3, preprocessing=plan)


def build(entry: CatalogEntry, classes: int, initialize: bool) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))


def by_prefix(name: str) -> CatalogEntry:
    if name != "toys:second":
        raise UnknownNameError("model", name, ["toys:second"])
    return toy_entry(name)


@pytest.fixture(autouse=True)
def toys(tmp_path: Path) -> Iterator[Path]:
    def elsewhere(entry: CatalogEntry) -> Iterator[WeightLocation]:
        yield WeightLocation(tmp_path / entry.file, "the toy box")

    register(
        NetworkFamily(
            "toys",
            build,
            lambda: [toy_entry("toy_first")],
            prefix="toys:",
            entry=by_prefix,
            names=lambda: ["toys:second"],
            cached_elsewhere=elsewhere,
            is_for_training=lambda _, tensor: tensor.startswith("extra."),
        )
    )
    catalog.cache_clear()
    yield tmp_path
    del FAMILIES["toys"]
    catalog.cache_clear()


def test_a_family_is_found_loaded_and_listed(
    toys: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toys)
    assert find_entry("toy_first").source == "toys"
    assert load_model("toys:second", weights="random").classes == 3
    with pytest.raises(UnknownNameError, match="toys:second"):
        load_model("toys:third")
    network = build(toy_entry("toy_first"), 3, True)
    torch.save({**network.state_dict(), "extra.weight": torch.zeros(2)}, toys / "toy_first.pth")
    model = load_model("toy_first")
    assert model.weights.origin == "the toy box"
    image = torch.rand(1, 3, 32, 32)
    assert torch.allclose(model(image), network((image - 0.5) / 0.5), atol=1e-5)
    assert "toy_first" in command("models", "list").out
    assert command("models", "list", "--source", "toys").out.split() == ["toys:second"]
    assert command("predict", "lost.png", "--model", "toy_first").code == 3
