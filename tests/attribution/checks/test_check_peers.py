"""Second opinions: Quantus on complexity and sparseness, grad-cam on the imputation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdream.attribution.checks.localization import mass_inside, points_inside
from deepdream.attribution.checks.road import impute
from deepdream.attribution.checks.shape import entropy, gini

# The peers warn of their own old ways of calling numpy.
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("default")]


def test_quantus_gives_the_same_complexity_and_sparseness() -> None:
    pytest.importorskip("quantus", reason="Quantus is not installed")
    from quantus import Complexity, Sparseness

    heatmap = torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(0))
    image = np.zeros((1, 3, 24, 24), dtype=np.float32)
    for metric, mine in ((Complexity, entropy), (Sparseness, gini)):
        theirs = metric(disable_warnings=True, display_progressbar=False)(
            model=None, x_batch=image, y_batch=np.array([0]), a_batch=heatmap[None].numpy()
        )
        assert mine(heatmap[0]) == pytest.approx(float(theirs[0]), rel=1e-4)


def test_quantus_gives_the_same_mass_inside_and_the_same_hits() -> None:
    pytest.importorskip("quantus", reason="Quantus is not installed")
    from quantus import PointingGame, RelevanceMassAccuracy

    mask = torch.zeros(24, 24, dtype=torch.bool)
    mask[4:10, 12:20] = True
    image = np.zeros((1, 3, 24, 24), dtype=np.float32)
    quiet = {"disable_warnings": True, "display_progressbar": False}
    for seed in range(4):
        heatmap = torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(seed))
        heatmap[0, 5 + seed * 3, 14] = 2.0  # inside, inside, outside, outside
        arguments = {
            "model": None,
            "x_batch": image,
            "y_batch": np.array([0]),
            "a_batch": heatmap[None].numpy(),
            "s_batch": mask[None, None].numpy(),
        }
        share = RelevanceMassAccuracy(**quiet)(**arguments)[0]
        assert mass_inside(heatmap[0], mask) == pytest.approx(float(share), rel=1e-5)
        hit = PointingGame(**quiet)(**arguments)[0]
        assert points_inside(heatmap[0], mask, tolerance=0) == bool(hit) == (seed < 2)


def test_grad_cam_fills_in_the_same_pixels() -> None:
    road = pytest.importorskip("pytorch_grad_cam.metrics.road", reason="grad-cam is not installed")
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))
    missing = torch.rand(32, 32, generator=torch.Generator().manual_seed(2)) < 0.5
    theirs = road.NoisyLinearImputer(noise=0.0)(image, (~missing).float())
    mine = impute(image[None], missing[None, None], noise=0, tolerance=1e-6)[0]
    assert mine.allclose(theirs.to(mine), atol=1e-3)
