"""The same dream on another device: nothing waits inside of an octave; and, where there is one, on a CUDA device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from deepdream.ascent.climbing import measure_gradient
from deepdream.dreaming import dream, loop, start
from deepdream.images import write_picture
from deepdream.models import Model, load_model, prepare
from deepdream.models.precision import LOWER
from deepdream.plan import plan_for
from deepdream.tensors import generator, sent_to

NOISE_ONLY = ("cppn", "maco")
NO_CUDA = "no CUDA device here: this has never been run by who wrote it"
cuda = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_CUDA)]


class NoWaiting(TorchDispatchMode):
    """Fails where a number is read off a tensor, which on a GPU waits for everything before it.

    Numbers drawn by a generator are on the CPU on every device, and may be read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        reads = name in (
            "_local_scalar_dense",
            "nonzero",
            "masked_select",
            "is_nonzero",
            "equal",
            "unique_dim",
        )
        if reads and args[0].data_ptr() not in {one.data_ptr() for one in self.drawn}:
            raise AssertionError(f"{name} waits for the device")
        result = func(*args, **(kwargs or {}))
        if name in ("rand", "randint", "randn"):
            self.drawn += [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        return result


def test_the_watch_sees_what_it_shall() -> None:
    with NoWaiting():
        assert 0 <= int(torch.randint(7, (), generator=generator(0))) < 7
        for wait in (float, bool, lambda x: x.item(), lambda x: x[x > 0]):
            with pytest.raises(AssertionError, match="waits for the device"):
                wait(torch.ones(()))


@contextmanager
def as_on_a_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The CPU taken for a device whose results are not at hand."""
    with monkeypatch.context() as patch:
        patch.setattr(loop, "at_hand", lambda _: False)
        yield


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"preset": "classic"},
        {"preset": "lapnorm"},
        {"preset": "natural"},
        {"preset": "smooth", "keep": "color"},
        {"objective": "layer(second) + 0.5*channel(first, 2) - 0.1*total_variation()"},
        {"transforms": "pad(4) + jitter(4) + scale(0.9, 1.1) + rotate(-9, 9) + noise(0.02)"},
        {"objective": "logit(3) + 2*neuron(second, 3)", "optimizer": "adam"},
        {"precision": "bfloat16"},
        {"precision": "float16"},
    ],
)
def test_nothing_waits_inside_of_an_octave(
    settings: dict[str, Any], tiny_model: Model, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(**{"objective": "layer(second)", "steps": 7, "octaves": 1, **settings})
    with as_on_a_device(monkeypatch):
        steps = dream(tiny_model, plan, photo)
        next(steps)  # what is made once is made
        with NoWaiting():
            for _ in range(5):
                next(steps)


@pytest.fixture
def elsewhere(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The model on the device ``meta``, which computes nothing and refuses tensors of another device."""
    monkeypatch.setattr(prepare, "freeze_convolutions", lambda _: None)  # only on a CPU
    monkeypatch.setattr(loop, "at_hand", lambda _: False)
    assert tiny_model.minimum_size(["first"]) <= tiny_model.minimum_size(["second", "logits"])
    models = [tiny_model, *(tiny_model.in_precision(name) for name in LOWER)]
    for model in models:
        for ready in (model._prepared, model._plain):
            ready.network.to("meta")
        model.__dict__["_statistics"] = tuple(one.to("meta") for one in model._statistics)
        model.device = torch.device("meta")
    return tiny_model


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"preset": "classic"}, {"preset": "lapnorm"}, {"preset": "natural"}, {"preset": "smooth"},
        {"mask": "mask.png", "feather": 3}, {"keep": "color"}, {"keep": "luminance", "blend": 0.5},
        {"objective": 'layer(second) + 0.5*masked(layer(first), "mask.png") - distance() - blur() - l1()'},
        {"objective": 'guide(second, "guide.png") + neuron(first, 3)'},
        {"objective": 'direction(second, "vector.npy") + logit(2)'},
        {"transforms": "pad(4) + jitter(4) + roll(3) + scale(0.9, 1.1) + rotate(-9, 9) + noise(0.02)"},
        {"transforms": "crops(2, 0.5, 0.9, 32)", "optimizer": "adam"},
        {"precision": "bfloat16"}, {"precision": "float16"}, {"relu": "redirected"}, {"tile": 40},
        *({"parameterization": name} for name in ("pixels", "colors", "fourier", "laplacian", "shared")),
        *({"preset": "maco", "parameterization": name, "start": "noise", "transforms": ""} for name in NOISE_ONLY),
    ],
)  # fmt: skip
def test_nothing_is_left_on_another_device(
    settings: dict[str, Any], elsewhere: Model, photo: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every tensor of a step lies where the network is: what is mixed up on a GPU is mixed up here, too."""
    monkeypatch.chdir(tmp_path)
    write_picture(Path("mask.png"), np.full((48, 64, 3), 0.5, np.float32))
    write_picture(Path("guide.png"), np.full((40, 40, 3), 0.4, np.float32))
    np.save("vector.npy", np.ones(12, np.float32))
    plan = replace(
        plan_for(settings.get("preset", "balanced")), objective="layer(second)", octaves=1, steps=7
    )
    steps = dream(elsewhere, replace(plan, **settings), photo)
    for _ in range(3):
        last = next(steps)
    assert last.state.parameters.device.type == "meta"
    assert last.image.device.type == "meta"


def test_on_the_cpu_every_step_is_looked_at(tiny_model: Model, photo: Tensor) -> None:
    steps = dream(tiny_model, plan_for(objective="layer(second)", steps=7, octaves=1), photo)
    next(steps)
    with NoWaiting(), pytest.raises(AssertionError, match="_local_scalar_dense waits"):
        next(steps)


def test_a_picture_is_sent_in_float32(photo: Tensor) -> None:
    sent = sent_to(photo.double(), torch.device("cpu"))
    assert sent.dtype == torch.float32
    assert torch.equal(sent, photo)


@pytest.mark.parametrize("precision", LOWER)
def test_a_draft_stays_finite_and_is_another_picture(
    precision: str, tiny_model: Model, photo: Tensor
) -> None:
    plan = plan_for(objective="layer(second)", steps=4, octaves=1)
    draft = list(dream(tiny_model, replace(plan, precision=precision), photo))[-1].image
    assert draft.dtype == torch.float32
    assert draft.isfinite().all()
    assert not torch.equal(draft, list(dream(tiny_model, plan, photo))[-1].image)


# Only where there is a CUDA device.


@pytest.fixture
def two() -> tuple[Model, Model]:
    """The embedded network on the CPU and on the GPU."""
    return load_model("efficientnet_lite0", device="cpu"), load_model("efficientnet_lite0", device="cuda")


def on(device: str, model: Model, photo: Tensor) -> Tensor:
    plan = plan_for(objective="layer(blocks.4)", octaves=1)
    image = photo.to(device)
    return measure_gradient(model, start(model, plan, image).goals, image, plan, generator(3))[0].cpu()


@pytest.mark.parametrize("_", [pytest.param(None, marks=[*cuda, pytest.mark.weights])])
def test_a_gradient_on_the_gpu_is_that_of_the_cpu(
    _: None, two: tuple[Model, Model], photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    large = torch.nn.functional.interpolate(photo, (192, 256), mode="bicubic").clamp(0, 1)
    expected, found = on("cpu", two[0], large), on("cuda", two[1], large)
    assert (found - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.parametrize(
    "precision", [pytest.param(p, marks=cuda) for p in ("float32", "bfloat16", "float16")]
)
def test_a_whole_small_dream_on_the_gpu(
    precision: str, small_network: torch.nn.Module, photo: Tensor
) -> None:
    model = Model.wrap(small_network.cuda(), mean=(0.5,), std=(0.25,), name="tiny", input_size=64)
    plan = plan_for(objective="layer(second)", steps=9, octaves=2, precision=precision)
    last = list(dream(model, plan, photo))[-1]
    assert last.state.parameters.device.type == "cuda"
    assert last.image.isfinite().all()
    assert float((last.image.cpu() - photo).square().mean().sqrt()) == pytest.approx(0.09, abs=0.01)


@pytest.mark.parametrize("_", [pytest.param(None, marks=cuda)])
def test_torch_itself_sees_no_wait_inside_of_an_octave(
    _: None, small_network: torch.nn.Module, photo: Tensor
) -> None:
    model = Model.wrap(small_network.cuda(), mean=(0.5,), std=(0.25,), name="tiny", input_size=64)
    steps = dream(model, plan_for(objective="layer(second)", steps=7, octaves=1), photo)
    next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            next(steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")
