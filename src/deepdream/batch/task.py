"""What can be done to many inputs: a task is a value that pickles, and the network it needs is named, not held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from deepdream.batch.events import Event

if TYPE_CHECKING:
    from deepdream.models import Model

#: Items that are worked on together, in most tasks a single one.
Group = tuple[str, ...]


class StopRequested(Exception):  # noqa: N818 - a request, not an error
    """Thrown into a task's generator where the run is to stop.

    A task that can keep something of an unfinished item catches it, saves that, yields one last ``Stopped`` event and
    ends. A task that does not catch it ends at once.
    """


class Task(Protocol):
    """Work on items. Implementations are frozen dataclasses of strings, numbers, paths and a ``NetworkSpec``."""

    def prepare(self) -> None:
        """Load what every item needs, once in each process."""

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Divide ``sources`` into the groups that are worked on together."""

    def __call__(self, group: Group) -> Iterator[Event]:
        """Work on one group: any number of ``Stepped``, then ``Finished`` or ``Failed`` for each of its items.

        Raises:
            DeepDreamError: the items that have no event yet failed, or (OutputError, WeightsError) the next group would
                fail in the same way, which ends the run.
        """


@dataclass(frozen=True)
class NetworkSpec:
    """How a network is named on the command line: ``model``, ``weights`` and ``device``.

    A tuple of names is several networks as one; their layers have the network's name before them.
    """

    model: str | tuple[str, ...] = "efficientnet_lite0"
    weights: str | tuple[str | None, ...] | None = None
    device: str = "auto"

    @property
    def parts(self) -> tuple[NetworkSpec, ...]:
        """Each network by itself; of several, ``weights`` are those of each, or the same for all."""
        if isinstance(self.model, str):
            return (self,)
        weights = self.weights if isinstance(self.weights, tuple) else (self.weights,) * len(self.model)
        return tuple(
            NetworkSpec(name, own, self.device) for name, own in zip(self.model, weights, strict=True)
        )

    def load(
        self, *, offline: bool = False, progress: Callable[[int, int | None], None] | None = None
    ) -> Model:
        """The network, loaded once in each process; ``offline`` and ``progress`` as in ``deepdream.models.load_model``.

        Raises:
            UnknownNameError, UsageError, WeightsError: as ``load_model``.
        """
        key = tuple((part, _version(str(part.model)), _version(str(part.weights))) for part in self.parts)
        if (key, self.model) not in _LOADED:
            # Few networks are in use at a time, and each may take a gigabyte.
            while len(_LOADED) >= _KEPT:
                _LOADED.pop(next(iter(_LOADED)))
            _LOADED[key, self.model] = self._load(offline, progress)
        return _LOADED[key, self.model]

    def _load(self, offline: bool, progress: Callable[[int, int | None], None] | None) -> Model:
        from deepdream.models import load_model
        from deepdream.models.combined import combine_networks

        if isinstance(self.model, str):
            weights = self.weights if isinstance(self.weights, str) else None
            return load_model(
                self.model, weights=weights or None, device=self.device, offline=offline, progress=progress
            )
        return combine_networks([part.load() for part in self.parts], named=True)


_LOADED: dict[tuple[Any, ...], Model] = {}
_KEPT = 4


def _version(name: str) -> tuple[int, int] | None:
    """When a file, or the file of ``FILE.py:FUNCTION``, was last written, and its size; None for other names."""
    path, _, _ = name.rpartition(":") if ".py:" in name else (name, "", "")
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def one_by_one(sources: Sequence[str]) -> Iterator[Group]:
    """Groups of a single item each."""
    return ((source,) for source in sources)
