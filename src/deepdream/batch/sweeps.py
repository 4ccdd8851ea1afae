"""``SweepTask``: one picture dreamed again and again with other settings, each dream in a file of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.batch.dream_events import dream_document, stepped
from deepdream.batch.events import Event, Finished, Skipped
from deepdream.batch.fed_picture import InputOptions
from deepdream.batch.sources import is_noise
from deepdream.batch.task import Group, NetworkSpec, one_by_one

if TYPE_CHECKING:
    from deepdream.dreaming.axes import Variation
    from deepdream.images import Picture
    from deepdream.models import Model


@dataclass(frozen=True)
class SweepTask:
    """Dream ``source`` once for each variation; an item is the label of a variation.

    Where the run is stopped, the cell in progress is dropped: a cell with fewer steps is not comparable to the others.

    Attributes:
        variations: The settings of each item.
        outputs: The file of each item.
        network: How the networks are loaded; each variation names its own model.
        keep: Whether a cell that is already in its file is read and not dreamed again.
        temporary: Whether the files are removed after the run, so that no event names them.
    """

    source: str
    variations: Mapping[str, Variation]
    outputs: Mapping[str, str]
    network: NetworkSpec = field(default_factory=NetworkSpec)
    input: InputOptions = field(default_factory=InputOptions)
    keep: bool = False
    temporary: bool = False

    def prepare(self) -> None:
        """Each variation names its own network."""

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Each cell by itself, since its settings differ from those of the others."""
        return one_by_one(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        from deepdream.dreaming.loop import dream
        from deepdream.dreaming.result import begin, enough_memory, finish
        from deepdream.dreaming.sweeping import check_same_settings

        (item,) = group
        cell, output, began = self.variations[item], Path(self.outputs[item]), time.monotonic()
        network, picture = self.load(cell), self.picture(cell)
        ongoing = begin(network, picture, cell.plan, size=cell.size, search_paths=[Path(self.source)])
        if self.keep and output.exists():
            check_same_settings(output, ongoing)
            yield Skipped(item=item, outputs=(str(output),))
            return
        with enough_memory(f"{ongoing.recipe.width}x{ongoing.recipe.height}"):
            for step in dream(network, cell.plan, state=ongoing.state):
                ongoing = ongoing.after(step)
                yield stepped(item, step)
            result = finish(network, ongoing)
        result.save(output)
        document = {
            "input": item,
            "row": cell.row,
            "column": cell.column,
            "settings": dict(cell.values),
            **dream_document(output, result, round(time.monotonic() - began, 3)),
            "output": None if self.temporary else str(output),
        }
        yield Finished(item=item, documents=(document,), outputs=() if self.temporary else (str(output),))

    def load(self, cell: Variation) -> Model:
        """The network of a cell."""
        return NetworkSpec(cell.model, self.network.weights, self.network.device).load()

    def picture(self, cell: Variation) -> Picture:
        """What a cell starts from: the picture, or noise of the cell's own seed and size."""
        from dataclasses import replace

        size = cell.size if is_noise(self.source) else None
        return replace(self.input, size=size).read(self.source, seed=cell.plan.seed)
