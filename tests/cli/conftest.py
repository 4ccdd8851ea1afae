"""The network that commands load in these tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deepdream.batch.task import NetworkSpec
from deepdream.models import Model


@pytest.fixture
def use_network(monkeypatch: pytest.MonkeyPatch) -> Callable[[Model], None]:
    """Let every command of the test work with the given network, whatever it names."""

    def use(network: Model) -> None:
        monkeypatch.setattr(NetworkSpec, "load", lambda *_, **__: network)

    return use
