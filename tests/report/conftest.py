"""One small study, made once: a seeded network, two methods, the checks that need no minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deepdream.images import Picture, encode, read_picture
from deepdream.models import Model
from deepdream.report import (
    BUDGET,
    ReportData,
    ReportOptions,
    collect,
    investigate,
    usual_checks,
    write_report,
)

METHODS = ("saliency", "input-x-gradient", "grad-cam")


def network(seed: int = 5) -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, 8, 5, 2, 2),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, 2, 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(12, 5),
        )
    labels = ("ant", "<b>bee</b>", "cat & dog", "dog", "elk")
    return Model.wrap(
        module.eval(), mean=(0.5,), std=(0.1,), labels=labels, name=f"net-{seed}", input_size=56
    )


@pytest.fixture
def model() -> Model:
    return network()


@pytest.fixture(scope="session")
def picture() -> Picture:
    pixels = np.random.default_rng(3).random((70, 90, 3), dtype=np.float32)
    return read_picture(encode(pixels), name="noise & <light>.png")


@pytest.fixture(scope="session")
def made(picture: Picture) -> ReportData:
    options = ReportOptions(METHODS, budget=BUDGET, decided_by="Ada <Example>")
    *stages, found = collect(network(), picture, options)
    assert isinstance(found, ReportData)
    total = 1 + len(METHODS) + len(METHODS) * len(usual_checks())
    assert [(stage.done, stage.total) for stage in stages] == [(done, total) for done in range(total)]
    return found


@pytest.fixture(scope="session")
def other(picture: Picture) -> ReportData:
    options = ReportOptions(METHODS[:2], ("degeneracy",), budget=600)
    return investigate(network(6), picture, options)


@pytest.fixture(scope="session")
def written(made: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(
        tmp_path_factory.mktemp("report") / "page.html", [made], command="deepdream report x"
    )[0]
