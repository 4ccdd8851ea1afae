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
    weights: str | None = None
    device: str = "auto"

    def load(
        self, *, offline: bool = False, progress: Callable[[int, int | None], None] | None = None
    ) -> Model:
        """The network, loaded once in each process; ``offline`` and ``progress`` as in ``deepdream.models.load_model``.

        Raises:
            UnknownNameError, UsageError, WeightsError: as ``load_model``.
        """
        key = (self, *map(_version, self._files))
        if key not in _LOADED:
            from deepdream.models import load_model
            from deepdream.models.combined import combine_networks

            names = (self.model,) if isinstance(self.model, str) else self.model
            models = [
                load_model(
                    name, weights=self.weights or None, device=self.device, offline=offline, progress=progress
                )
                for name in names
            ]
            # Few networks are in use at a time, and each may take a gigabyte.
            while len(_LOADED) >= _KEPT:
                _LOADED.pop(next(iter(_LOADED)))
            _LOADED[key] = combine_networks(models, named=not isinstance(self.model, str))
        return _LOADED[key]

    @property
    def _files(self) -> Iterator[str]:
        """Files of the user that may be changed while this process runs."""
        yield from (self.model,) if isinstance(self.model, str) else self.model
        yield self.weights or ""


_LOADED: dict[tuple[Any, ...], Model] = {}
_KEPT = 2


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
