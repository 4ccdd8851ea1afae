"""The preset ``classic`` against a slow literal version of Google's notebook (dream.ipynb, 2015)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom
from torch import Tensor

from deepdream.dreaming import dream
from deepdream.models import Model
from deepdream.plan import Plan, plan_for
from deepdream.tensors import generator

Array = np.ndarray


def network_of(model: Model) -> Callable[[Tensor], Tensor]:
    """The layer "second" of the small network in float64, fed with 0..255 minus the mean, as Caffe's nets are."""
    network = model.module.eval().double()

    def forward(data: Tensor) -> Tensor:
        x = data / (0.25 * 255)
        return network.second(network.norm(network.first(x)).relu())

    return forward


def make_step(
    data: Array,
    forward: Callable[[Tensor], Tensor],
    rng: torch.Generator,
    *,
    step_size: float,
    jitter: int,
) -> Array:
    """make_step of the notebook, line by line; the picture is 0..255 minus a mean of 127.5."""
    limits = [min(jitter, side // 4) for side in data.shape[1:]]
    oy, ox = (int(torch.randint(-limit, limit + 1, (), generator=rng)) for limit in limits)
    data = np.roll(np.roll(data, ox, -1), oy, -2)
    blob = torch.from_numpy(data.copy())[None].requires_grad_()
    end = forward(blob)
    end.backward(end.detach())  # objective_L2: dst.diff[:] = dst.data
    g = blob.grad[0].numpy()
    data = data + step_size / np.abs(g).mean() * g
    data = np.roll(np.roll(data, -ox, -1), -oy, -2)
    return np.clip(data, -127.5, 255 - 127.5)


def to_google(image: Tensor) -> Array:
    return image[0].double().numpy() * 255 - 127.5


def from_google(data: Array) -> Tensor:
    return torch.from_numpy((data + 127.5) / 255)[None].float()


@pytest.fixture
def bright(photo: Tensor) -> Tensor:
    """Some pixels are white already: the clipping matters."""
    return (photo * 1.3).clamp(0, 1)


def test_one_octave_is_make_step_ten_times(tiny_model: Model, bright: Tensor) -> None:
    plan = plan_for("classic", octaves=1, objective="layer(second)", seed=11)
    dreamed = list(dream(tiny_model, plan, bright))[-1].image
    forward, rng, data = network_of(tiny_model), generator(11), to_google(bright)
    for _ in range(10):
        data = make_step(data, forward, rng, step_size=1.5, jitter=32)
    assert float((dreamed - bright).abs().max()) > 0.02  # something happened
    assert int((from_google(data) == 1).sum()) > 20  # and some of it was clipped
    torch.testing.assert_close(dreamed, from_google(data), atol=1e-6, rtol=0)


def test_four_octaves_are_the_notebooks_deepdream(tiny_model: Model, bright: Tensor) -> None:
    """deepdream() of the notebook, line by line, with SciPy's zoom for every change of size."""
    image = torch.nn.functional.interpolate(bright, (140, 190), mode="bilinear")
    plan = plan_for("classic", objective="layer(second)", steps=3)
    dreamed = list(dream(tiny_model, plan, image))[-1].image
    forward, rng = network_of(tiny_model), generator(0)
    octaves = [to_google(image)]
    for _ in range(4 - 1):
        octaves.append(zoom(octaves[-1], (1, 1.0 / 1.4, 1.0 / 1.4), order=1))
    detail = np.zeros_like(octaves[-1])
    for octave, octave_base in enumerate(octaves[::-1]):
        h, w = octave_base.shape[-2:]
        if octave > 0:
            h1, w1 = detail.shape[-2:]
            detail = zoom(detail, (1, 1.0 * h / h1, 1.0 * w / w1), order=1)
        data = octave_base + detail
        for _ in range(3):
            data = make_step(data, forward, rng, step_size=1.5, jitter=32)
        detail = data - octave_base
    torch.testing.assert_close(dreamed, from_google(data), atol=1e-5, rtol=0)


def test_adam_is_torchs_adam(tiny_model: Model, photo: Tensor) -> None:
    plan = Plan(
        objective="channel(second, 3)", octaves=1, steps=12, rate=0.004, jitter=0, strength=None, color=0.0, calm=0.0,
        parameterization="pixels", optimizer="adam", smoothing="none", normalization="none",
    )  # fmt: skip
    dreamed = list(dream(tiny_model, plan, photo))[-1].image
    network = tiny_model.module.eval()
    image = photo.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.004, maximize=True)
    for _ in range(12):
        optimizer.zero_grad()
        x = (image - 0.5) / 0.25
        network.second(network.norm(network.first(x)).relu())[:, 3].mean().backward()
        optimizer.step()
    assert float((image.detach() - photo).abs().mean()) > 0.01
    torch.testing.assert_close(dreamed, image.detach(), atol=1e-4, rtol=0)
