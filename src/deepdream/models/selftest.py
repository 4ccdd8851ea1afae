"""Looking at an installation: what is there, and whether the embedded network computes what it should."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from deepdream import __version__, native
from deepdream.errors import DeepDreamError
from deepdream.models import cache
from deepdream.models.catalog import catalog
from deepdream.models.devices import devices
from deepdream.models.download import is_offline
from deepdream.models.loading import DEFAULT, load_model
from deepdream.models.network import Model

_PACKAGES = ("torch", "torchvision", "timm", "captum", "pillow", "numpy", "safetensors", "typer", "rich")

#: What the embedded network answers to the seeded picture below (torch 2.15, CPU, float32): its first class
#: and that logit. Other versions and devices differ in the fifth digit, another network in the first.
EXPECTED_CLASS = 741
EXPECTED_LOGIT = 6.4126
TOLERANCE = 1e-3

Report = dict[str, Any]


def examine() -> Report:
    """Versions, devices, caches and the self-test, as JSON can hold it; ``ok`` is False if a check failed."""
    checks = list(_self_test())
    return {
        "ok": all(check["ok"] for check in checks),
        "versions": {"deepdream": __version__, "python": platform.python_version(), **_versions()},
        "system": {
            "platform": platform.platform(),
            "devices": devices(),
            "threads": torch.get_num_threads(),
            "kernels": native.describe(),
        },
        "caches": {name: _measured(folder) for name, folder in _folders().items()},
        "offline": is_offline(),
        "embedded_weights": {"name": DEFAULT, "license": catalog()[DEFAULT].license},
        "self_test": checks,
    }


def _versions() -> dict[str, str]:
    return {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _folders() -> dict[str, Path]:
    return {"deepdream": cache.cache_folder(), "torch": cache.torch_folder(), "hub": cache.hub_folder()}


def _measured(folder: Path) -> Report:
    sizes = [entry.stat().st_size for entry in _files(folder)]
    stale = [p.name for p in folder.glob("*.part") if time.time() - p.stat().st_mtime > 86_400]
    return {"folder": str(folder), "files": len(sizes), "bytes": sum(sizes), "unfinished_downloads": stale}


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (path for name in names if not (path := Path(root, name)).is_symlink())


def seeded_picture() -> torch.Tensor:
    """A soft colored noise picture (1, 3, 224, 224) in [0, 1]: the same on every machine."""
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(1, 3, 14, 14, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bilinear", align_corners=False)


def _self_test() -> Iterator[Report]:
    """One record for each check; the later ones need the first."""
    models: list[Model] = []

    def load() -> str:
        models.append(load_model(DEFAULT, device="cpu", offline=True))
        return f"sha256 {str(models[0].weights.sha256)[:16]}"

    loaded = _check("embedded network", load)
    yield loaded
    if models:
        yield _check("prediction", lambda: _predicts(models[0]))
        yield _check("gradient", lambda: _differentiates(models[0]))


def _check(name: str, run: Callable[[], str]) -> Report:
    try:
        return {"check": name, "ok": True, "found": run()}
    except (DeepDreamError, RuntimeError, ArithmeticError) as error:
        return {"check": name, "ok": False, "found": str(error)}


def _predicts(model: Model) -> str:
    with torch.no_grad():
        logits = model(seeded_picture())[0]
    first, value = int(logits.argmax()), float(logits.max())
    if first != EXPECTED_CLASS or abs(value - EXPECTED_LOGIT) > TOLERANCE * abs(EXPECTED_LOGIT):
        raise ArithmeticError(f"class {first}, logit {value:.5f}, not {EXPECTED_CLASS}, {EXPECTED_LOGIT:.5f}")
    return f"{model.label(first)}, logit {value:.4f}"


def _differentiates(model: Model) -> str:
    picture = seeded_picture().requires_grad_()
    layer = model.recommended_layer
    model.activations(picture, [layer])[layer].square().mean().backward()  # type: ignore[no-untyped-call]
    if picture.grad is None or not bool(picture.grad.isfinite().all()) or not bool(picture.grad.any()):
        raise ArithmeticError("the gradient of the picture is zero or not finite")
    return f"finite, norm {float(picture.grad.norm()):.3g}"
