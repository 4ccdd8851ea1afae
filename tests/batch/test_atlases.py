"""The tasks of an atlas: the same activations and cells in any order, kept in files, and never taken for others."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from deepdream.batch import Failed, Finished, Skipped, run
from deepdream.batch.atlases import CellSettings, CellsTask, SampleTask
from deepdream.batch.task import NetworkSpec
from deepdream.dreaming.activation_samples import sample
from deepdream.dreaming.directions import visualize_directions
from deepdream.images import read_picture
from deepdream.models import Model

SETTINGS = CellSettings(size=32, steps=2, seed=0, batch=2)


@pytest.fixture(autouse=True)
def in_a_folder(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    use_network(tiny_model)
    rng = np.random.default_rng(0)
    for name in "abc":
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(f"{name}.png")


def kinds(task: Any, sources: list[str]) -> list[type]:
    return [type(event) for event in run(task, sources) if isinstance(event, (Finished, Failed, Skipped))]


def test_activations_are_those_of_one_process_in_any_order(tiny_model: Model) -> None:
    sources = ["a.png", "b.png", "c.png"]
    indexes = {source: index for index, source in enumerate(sources)}
    task = SampleTask(NetworkSpec(), "second", "state", indexes, count=60)
    assert kinds(pickle.loads(pickle.dumps(task)), sources[::-1]) == [Finished] * 3
    samples = task.samples(sources)
    whole = sample(tiny_model, [read_picture(path) for path in sources], "second", total=3, count=60)
    for name, tensor in whole.to_tensors().items():
        assert torch.equal(samples.to_tensors()[name], tensor), name


def test_cells_are_kept_and_damaged_or_other_ones_are_made_again(tiny_model: Model) -> None:
    vectors = torch.eye(12)[:5]
    task = CellsTask.begin(NetworkSpec(), "second", Path("state"), vectors, SETTINGS)
    assert task.items == ["cells 1 to 2", "cells 3 to 4", "cells 5 to 5"]
    assert kinds(task, task.items[:2]) == [Finished] * 2
    assert kinds(task, task.items) == [Skipped, Skipped, Finished]
    pictures = task.pictures()
    together = visualize_directions(tiny_model, "second", vectors, size=32, steps=2)
    for picture, whole in zip(pictures, together, strict=True):
        assert np.abs(picture - whole.permute(1, 2, 0).numpy()).max() < 1e-4
    file = Path("state/cells-000001.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert kinds(task, task.items) == [Skipped, Finished, Skipped]
    other = CellsTask.begin(NetworkSpec(), "second", Path("state"), -vectors, SETTINGS)
    assert kinds(other, other.items) == [Finished] * 3
