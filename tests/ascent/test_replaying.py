"""Recorded passes: when they are made, and that a wrong one is never used. A double stands for the CUDA device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from deepdream.ascent import replaying
from deepdream.ascent.climbing import measure_gradient
from deepdream.dreaming.beginning import start
from deepdream.models import Model, load_model
from deepdream.plan import plan_for
from deepdream.tensors import generator

LAYERS = ("first", "second")


class Recorder:
    """Stands for ``torch.cuda.make_graphed_callables``; counts what is recorded and what is played."""

    def __init__(self, spoil: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        self.spoil, self.recorded, self.played = spoil, 0, 0

    def __call__(self, run: Callable[[Tensor], Any], samples: tuple[Tensor, ...]) -> Callable[[Tensor], Any]:
        self.recorded += 1
        assert samples[0].requires_grad
        run(samples[0])

        def play(image: Tensor) -> Any:
            self.played += 1
            return run(self.spoil(image))

        return play


@pytest.fixture
def network(small_network: torch.nn.Module) -> Model:
    return Model.wrap(small_network, mean=(0.5,), std=(0.25,), name="tiny", input_size=64)


@pytest.fixture
def photo() -> Tensor:
    return torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0))


def with_recorder(monkeypatch: pytest.MonkeyPatch, recorder: Any) -> Any:
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", recorder)
    monkeypatch.setattr(replaying, "_wanted", lambda image: image.requires_grad)
    return recorder


def asked(network: Model, photo: Tensor, times: int) -> list[dict[str, Tensor]]:
    return [replaying.activations(network, photo.clone().requires_grad_(), LAYERS) for _ in range(times)]


def test_a_pass_is_recorded_once_it_was_made_often_and_gives_the_same(
    network: Model, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = with_recorder(monkeypatch, Recorder())
    asked(network, photo, replaying.AFTER - 1)
    assert recorder.recorded == 0
    found = asked(network, photo, 3)
    assert (recorder.recorded, recorder.played) == (1, 2 + 3)  # looked at with two pictures, then used
    for name, value in network.activations(photo, LAYERS).items():
        assert torch.equal(found[-1][name].detach(), value)


def test_another_size_or_other_layers_begin_anew(
    network: Model, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = with_recorder(monkeypatch, Recorder())
    asked(network, photo, replaying.AFTER)
    asked(network, photo[..., :64], replaying.AFTER - 1)
    replaying.activations(network, photo.clone().requires_grad_(), ("second",))
    asked(network, photo, replaying.AFTER - 1)
    assert recorder.recorded == 1


@pytest.mark.parametrize(
    "spoil",
    [lambda x: x * 1.01, lambda x: x * 0 + 0.5, lambda x: x.detach() + 0 * x, lambda x: x * torch.nan],
    ids=["other values", "always the same", "no gradient", "not numbers"],
)
def test_a_recording_that_gives_something_else_is_not_used(
    spoil: Callable[[Tensor], Tensor], network: Model, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = with_recorder(monkeypatch, Recorder(spoil))
    found = asked(network, photo, replaying.AFTER + 4)
    assert recorder.recorded == 1
    for name, value in network.activations(photo, LAYERS).items():
        assert torch.equal(found[-1][name].detach(), value)


def test_what_cannot_be_recorded_goes_on_as_it_is(
    network: Model, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    with_recorder(monkeypatch, refuse)
    assert len(asked(network, photo, replaying.AFTER + 2)) == replaying.AFTER + 2


def test_gradients_are_the_same_with_and_without(
    network: Model, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(objective="layer(second) + 2*layer(first)", octaves=1)
    goals = start(network, plan, photo).goals
    expected = measure_gradient(network, goals, photo, plan, generator(3))
    recorder = with_recorder(monkeypatch, Recorder())
    for _ in range(replaying.AFTER + 1):
        found = measure_gradient(network, goals, photo, plan, generator(3))
    assert recorder.played > 2
    assert all(map(torch.equal, found, expected))


def test_nothing_is_recorded_unasked_or_on_a_cpu(
    network: Model, photo: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", recorder)
    asked(network, photo, replaying.AFTER + 1)
    monkeypatch.setenv("DEEPDREAM_CUDA_GRAPHS", "1")
    asked(network, photo, replaying.AFTER + 1)
    assert recorder.recorded == 0


@pytest.mark.cuda
@pytest.mark.weights
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_a_recorded_pass_of_the_embedded_network_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("efficientnet_lite0", device="cuda")
    photo = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)).cuda()
    plan = plan_for(objective="layer(blocks.4)", octaves=1)
    goals = start(model, plan, photo).goals
    expected, _ = measure_gradient(model, goals, photo, plan, generator(3))
    monkeypatch.setenv("DEEPDREAM_CUDA_GRAPHS", "1")
    for _ in range(replaying.AFTER + 2):
        found, _ = measure_gradient(model, goals, photo, plan, generator(3))
    assert replaying._memories[model].recording is not None
    assert float((found - expected).norm() / expected.norm()) < 1e-3
