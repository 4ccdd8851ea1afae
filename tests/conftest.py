"""For every test: no access to other machines, one thread, and a small seeded network."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from deepdream import native
from deepdream.batch import task
from deepdream.batch.task import NetworkSpec
from deepdream.models import Model

Load = Callable[..., Model]

LOCAL = ("127.0.0.1", "localhost", "::1")


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches another host: its name is not found."""
    resolve = socket.getaddrinfo

    def guarded(host: str | bytes | None, *rest: object, **more: object) -> object:
        if host not in LOCAL:
            raise socket.gaierror(socket.EAI_NONAME, f"a test looked up the host {host!r}")
        return resolve(host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", guarded)


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> None:
    """One thread: with small tensors on busy cores, waiting for a second one takes most of the time.

    For the session, because fixtures that a whole module shares are made before those of a test.
    """
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def still_one_torch_thread(one_torch_thread: None) -> Iterator[None]:
    """One thread again, after a test that sets another number."""
    yield
    torch.set_num_threads(1)


class SmallNetwork(nn.Module):
    """Two convolutions of stride 2, a batch norm and a linear head; a pass takes milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 12, 3, 2, 1)
        self.head = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.act(self.norm(self.first(x)))).relu().mean((2, 3)))


@pytest.fixture
def small_network() -> nn.Module:
    """The small network, seeded, with a batch norm whose statistics are not trivial."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = SmallNetwork()
        network.norm.running_mean.normal_()
        network.norm.running_var.uniform_(0.5, 2)
    return network


@pytest.fixture
def tiny_model(small_network: nn.Module) -> Model:
    """The small network as a model of 64 pixels."""
    return Model.wrap(small_network, mean=(0.5,), std=(0.25,), name="tiny", input_size=64)


@pytest.fixture
def photo() -> torch.Tensor:
    """(1, 3, 48, 64): smooth blobs with values inside [0, 1]."""
    generator = torch.Generator().manual_seed(2)
    coarse = torch.rand(1, 3, 6, 8, generator=generator) * 0.8 + 0.1
    return torch.nn.functional.interpolate(coarse, (48, 64), mode="bilinear")


@dataclass(frozen=True)
class Outcome:
    """The exit code of a command and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run ``deepdream WORDS`` in this process, through ``main`` with its exit codes."""
    from deepdream.cli.main import main

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["deepdream", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return Outcome(int(stop.value.code or 0), captured.out, captured.err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(params=[16, 8], ids=["AVX-512", "AVX2"])
def vectors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled kernels with each instruction set of this processor."""
    if request.param > native.lanes():
        pytest.skip("this processor has no AVX-512")
    monkeypatch.setattr(native, "lanes", lambda: request.param)


@pytest.fixture
def use_network(monkeypatch: pytest.MonkeyPatch) -> Callable[[Model | Load], None]:
    """Let every command of the test load the given network, or what a function (name, weights, device) gives."""
    real = NetworkSpec._load

    def use(network: Model | Load) -> None:
        def load(self: NetworkSpec, *words: Any) -> Model:
            if isinstance(self.model, tuple):
                return real(self, *words)
            return network if isinstance(network, Model) else network(self.model, self.weights, self.device)

        monkeypatch.setattr(NetworkSpec, "_load", load)
        monkeypatch.setattr(task, "_LOADED", {})

    return use
