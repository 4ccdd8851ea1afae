"""The two tasks behind an atlas: take activations from many pictures, and make its cells visible.

Both keep their results in a folder beside the output, so that a stopped atlas continues, and workers need to send
back no tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.batch.events import Event, Finished, Skipped, Stepped
from deepdream.batch.fed_picture import read_source
from deepdream.batch.task import Group, NetworkSpec, one_by_one
from deepdream.errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from deepdream.dreaming.activation_samples import ActivationSamples
    from deepdream.models import Model


def folder_beside(output: Path) -> Path:
    """The folder in which an unfinished atlas is kept: beside the output, named after it."""
    return output.with_name(f"{output.name}.atlas-state")


@dataclass(frozen=True)
class SampleTask:
    """Take activations at ``layer`` from random crops of each picture; an item is a picture.

    Attributes:
        folder: Where the activations of each picture are kept.
        indexes: The number of each picture, which decides its crops: the same in every process and order.
        count: About so many activations are taken from all pictures.
    """

    network: NetworkSpec
    layer: str
    folder: str
    indexes: Mapping[str, int]
    count: int = 2000
    seed: int = 0
    max_pixels: int = 64_000_000

    def prepare(self) -> None:
        """Load the network."""
        self.network.load()

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Each picture by itself, so that one is in memory at a time."""
        return one_by_one(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        from deepdream.dreaming.activation_samples import sample_picture

        (item,) = group
        network, index = self.network.load(), self.indexes[item]
        picture = read_source(item, max_pixels=self.max_pixels)
        settings = [self.layer, len(self.indexes), self.count, self.seed, index, picture.sha256]
        key, path = _key(network, settings), self.file(item)
        if _read_tensors(path, key) is None:
            samples = sample_picture(
                network,
                picture,
                self.layer,
                total=len(self.indexes),
                count=self.count,
                seed=self.seed,
                index=index,
            )
            _write_tensors(path, key, samples.to_tensors())
        yield Finished(item=item)

    def file(self, item: str) -> Path:
        """Where the activations of a picture are kept."""
        return Path(self.folder) / f"picture-{self.indexes[item]:06d}.safetensors"

    def samples(self, items: Sequence[str]) -> ActivationSamples:
        """The activations of all ``items``, which are done."""
        from safetensors.torch import load_file

        from deepdream.dreaming.activation_samples import ActivationSamples, join_samples

        return join_samples(
            [ActivationSamples.from_tensors(self.layer, load_file(self.file(item))) for item in items]
        )


@dataclass(frozen=True)
class CellSettings:
    """How every cell of an atlas is made visible.

    Attributes:
        size: Side of a cell, in pixels.
        steps: Gradient steps.
        seed: Of the noise and the transforms.
        batch: Cells in one pass of the network.
    """

    size: int = 80
    steps: int = 64
    seed: int = 0
    batch: int = 16


@dataclass(frozen=True)
class CellsTask:
    """Make directions of ``layer`` visible, a batch at a time; an item is a batch, such as ``cells 1 to 16``.

    Attributes:
        folder: Holds the directions, and the picture of each cell when it is done.
        count: How many directions there are.
    """

    network: NetworkSpec
    layer: str
    folder: str
    count: int
    settings: CellSettings

    @classmethod
    def begin(
        cls, network: NetworkSpec, layer: str, folder: Path, directions: Tensor, settings: CellSettings
    ) -> CellsTask:
        """The task for ``directions`` (N, C), which are written into ``folder``. Raises OutputError."""
        _write_tensors(folder / _DIRECTIONS, "", {"directions": directions.float().cpu().contiguous()})
        return cls(network, layer, str(folder), len(directions), settings)

    @property
    def items(self) -> list[str]:
        """A name for each batch."""
        return [f"cells {first + 1} to {last}" for first, last in self._batches]

    @property
    def _batches(self) -> list[tuple[int, int]]:
        size = self.settings.batch
        return [(first, min(first + size, self.count)) for first in range(0, self.count, size)]

    def prepare(self) -> None:
        """Load the network."""
        self.network.load()

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Each batch by itself."""
        return one_by_one(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        from safetensors.torch import load_file

        from deepdream.dreaming.directions import dream_directions

        (item,) = group
        number, network = self.items.index(item), self.network.load()
        first, last = self._batches[number]
        directions = load_file(Path(self.folder) / _DIRECTIONS)["directions"][first:last]
        digest = hashlib.sha256(directions.numpy().tobytes()).hexdigest()
        key, path = _key(network, [self.layer, asdict(self.settings), digest]), self._file(number)
        if _read_tensors(path, key) is not None:
            yield Skipped(item=item, outputs=(str(path),))
            return
        size, steps, seed = self.settings.size, self.settings.steps, self.settings.seed
        for step in dream_directions(network, self.layer, directions, size=size, steps=steps, seed=seed):
            yield Stepped(item=item, number=step.number, total=step.total, stage=f"step {step.number}")
        _write_tensors(path, key, {"pictures": step.state.image().cpu().permute(0, 2, 3, 1).contiguous()})
        yield Finished(item=item, outputs=(str(path),))

    def _file(self, number: int) -> Path:
        return Path(self.folder) / f"cells-{number:06d}.safetensors"

    def pictures(self) -> list[NDArray[np.float32]]:
        """A picture (size, size, 3) in [0, 1] for every direction, in order, when all are done."""
        from safetensors.torch import load_file

        return [
            picture.numpy()
            for number in range(len(self._batches))
            for picture in load_file(self._file(number))["pictures"]
        ]


_DIRECTIONS = "directions.safetensors"


def _key(network: Model, settings: Sequence[Any]) -> str:
    """What a result depends on, hashed: a file of other weights or settings is not taken for it."""
    document = json.dumps([network.name, network.weights.sha256, *settings])
    return hashlib.sha256(document.encode()).hexdigest()


def _read_tensors(path: Path, key: str) -> dict[str, Tensor] | None:
    """The tensors in ``path``; None where it is missing, damaged, or has another key."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError):
        return None


def _write_tensors(path: Path, key: str, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save

    from deepdream.provenance import write_bytes

    try:
        write_bytes(path, save(dict(tensors), metadata={"key": key}))
    except OutputError as error:
        raise OutputError(f"The unfinished atlas cannot be kept: {error}") from error
