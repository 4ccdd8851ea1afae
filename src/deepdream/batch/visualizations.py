"""``VisualizeTask``: pictures from noise of many parts of a network, all made in one run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.batch.dream_events import partial_path, stepped
from deepdream.batch.events import Event, Finished, Stopped
from deepdream.batch.task import Group, NetworkSpec, StopRequested
from deepdream.plan import Plan

if TYPE_CHECKING:
    from deepdream.dreaming.checkpoint import OutputOptions


@dataclass(frozen=True)
class VisualizeTask:
    """Make one picture for each objective of ``plan``; an item is a picture.

    All items are one group: the pictures may be compared with each other by the objective (diversity), and one pass of
    the network for many pictures is faster.

    Attributes:
        plan: Has as many pictures as there are outputs, in their order.
        size: Height and width of each picture, in pixels.
        outputs: The file of each item.
        temporary: Whether the files are removed after the run, so that no event names them.
    """

    network: NetworkSpec
    plan: Plan
    size: tuple[int, int]
    outputs: Mapping[str, str]
    output: OutputOptions
    temporary: bool = False

    def prepare(self) -> None:
        """Load the network."""
        self.network.load()

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """All pictures together."""
        yield tuple(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        from deepdream.dreaming.beginning import start
        from deepdream.dreaming.loop import dream
        from deepdream.dreaming.result import enough_memory, finish_pictures
        from deepdream.dreaming.source_pictures import noise_picture

        network, began, stopped = self.network.load(), time.monotonic(), False
        noise = noise_picture(*self.size, self.plan.seed)
        with enough_memory(f"{len(group)} pictures of {noise.width}x{noise.height}"):
            state = start(network, self.plan, noise.tensor())
            for step in dream(network, self.plan, state=state):
                state = step.state
                try:
                    yield stepped(group[0], step)
                except StopRequested:
                    stopped = not step.last
                    if stopped:
                        break
            results = finish_pictures(network, noise, state, decided_by=self.output.decided_by)
        seconds = round((time.monotonic() - began) / len(group), 3)
        for item, result in zip(group, results, strict=True):
            path = partial_path(Path(self.outputs[item])) if stopped else Path(self.outputs[item])
            result.save(path, bits=self.output.bits, metadata=self.output.metadata)
            if stopped:
                yield Stopped(item=item, outputs=() if self.temporary else (str(path),))
                continue
            recipe = result.recipe
            document = {
                "input": item,
                "output": None if self.temporary else str(path),
                "objective": recipe.plan.objective,
                "score": recipe.score,
                "after": [asdict(prediction) for prediction in recipe.after],
                "seconds": seconds,
            }
            outputs = () if self.temporary else (str(path),)
            yield Finished(item=item, documents=(document,), outputs=outputs)
