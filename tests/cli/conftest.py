"""The network that commands load in these tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deepdream.batch import task
from deepdream.batch.task import NetworkSpec
from deepdream.models import Model

Load = Callable[..., Model]


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
