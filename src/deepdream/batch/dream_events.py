"""The events of dreams: every step, the picture at the end, and what is kept where a dream is stopped."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.batch.events import Event, Failed, Finished, Stepped, Stopped
from deepdream.batch.task import StopRequested
from deepdream.errors import DeepDreamError, OutputError

if TYPE_CHECKING:
    from deepdream.dreaming import DreamResult, Step
    from deepdream.dreaming.checkpoint import OutputOptions
    from deepdream.dreaming.ongoing import Dream
    from deepdream.models import Model


def partial_path(output: Path) -> Path:
    """Where the picture of a stopped dream goes: ``dream_partial.png``."""
    return output.with_stem(f"{output.stem}_partial")


def dream_all(
    network: Model, dreams: list[tuple[str, Dream]], outputs: Mapping[str, str], options: OutputOptions
) -> Iterator[Event]:
    """Dream to the end and save: together where that changes no picture, else one after the other.

    Empties ``dreams``. At a ``StopRequested`` the pictures so far are saved beside their outputs, with their states.
    """
    from deepdream.dreaming.batched import fits_with, may_join

    together = len(dreams) > 1 and all(
        may_join(dream.state.plan, dream.state) and fits_with(dreams[0][1].state, dream.state)
        for _, dream in dreams
    )
    if together:
        batch = _Batch(network, dreams, outputs, options)
        yield from batch.run()
        if batch.stopped:
            return
        dreams = batch.left  # what left the batch, because of bad numbers or of memory, is dreamed alone
    while dreams:
        item, dream = dreams.pop(0)
        try:
            stopped = yield from _dream_alone(network, item, dream, Path(outputs[item]), options)
        except OutputError:
            raise
        except DeepDreamError as error:
            yield Failed.of(item, error)
        else:
            if stopped:
                return


def _dream_alone(
    network: Model, item: str, ongoing: Dream, output: Path, options: OutputOptions
) -> Generator[Event, None, bool]:
    """Every step of one dream, and its picture; gives whether it was stopped."""
    from deepdream.dreaming.checkpoint import checkpoint_path, write_checkpoint
    from deepdream.dreaming.loop import dream
    from deepdream.dreaming.result import enough_memory, finish

    began, checkpoint, every = time.monotonic(), checkpoint_path(output), options.checkpoint_every
    stopped = False
    with enough_memory(f"{ongoing.recipe.width}x{ongoing.recipe.height}"):
        for step in dream(network, ongoing.state.plan, state=ongoing.state):
            ongoing = replace(ongoing, state=step.state)
            try:
                yield stepped(item, step)
            except StopRequested:
                stopped = not step.last
            if every and not step.last and (stopped or step.number % every == 0):
                write_checkpoint(checkpoint, ongoing, options)
            if stopped:
                break
        result = finish(network, ongoing)
    if stopped:
        yield _save_partial(item, result, output, options)
        return True
    yield _save(item, result, output, options, seconds=time.monotonic() - began)
    return False


def _save(
    item: str, result: DreamResult, output: Path, options: OutputOptions, *, seconds: float
) -> Finished:
    from deepdream.dreaming.checkpoint import checkpoint_path

    result.save(output, bits=result.recipe.bits, metadata=options.metadata)
    checkpoint_path(output).unlink(missing_ok=True)
    document = dream_document(output, result, round(seconds, 3))
    return Finished(item=item, documents=({"input": item, **document},), outputs=(str(output),))


def _save_partial(item: str, result: DreamResult, output: Path, options: OutputOptions) -> Stopped:
    path = partial_path(output)
    result.save(path, bits=result.recipe.bits, metadata=options.metadata)
    return Stopped(
        item=item, outputs=(str(path),), resumable=(str(output),) if options.checkpoint_every else ()
    )


class _Batch:
    """Dreams that are made together, who of them is still in, and who must be dreamed alone."""

    def __init__(
        self,
        network: Model,
        dreams: list[tuple[str, Dream]],
        outputs: Mapping[str, str],
        options: OutputOptions,
    ) -> None:
        self.network, self.outputs, self.options = network, outputs, options
        self.dreams = list(dreams)
        self.left: list[tuple[str, Dream]] = []
        self.ended: set[str] = set()
        self.stopped = False
        dreams.clear()

    def run(self) -> Iterator[Event]:
        """Every step, and the picture of everyone who is still in at the end."""
        from deepdream.dreaming.result import enough_memory

        try:
            with enough_memory(f"{len(self.dreams)} pictures"):
                yield from self._steps()
        except OutputError:
            raise
        except DeepDreamError:  # of the batch and of nobody in it; alone each fails by itself, if at all
            self.left = [pair for pair in self.dreams if pair[0] not in self.ended]

    def _steps(self) -> Iterator[Event]:
        from deepdream.dreaming.batched import dream_batched
        from deepdream.dreaming.loop import Step

        began, members, state = time.monotonic(), self.dreams, None
        for after in dream_batched(self.network, [dream.state for _, dream in self.dreams]):
            self.left += [self._at(index, state) for index, state in after.left]
            members, state = [self.dreams[index] for index in after.members], after.state
            if state is None:
                break
            try:
                yield stepped(members[0][0], Step(state))
            except StopRequested:
                self.stopped = not state.done
            self._keep(members, state)
            if self.stopped:
                break
        if state is not None:
            yield from self._save(members, state, (time.monotonic() - began) / len(members))

    def _at(self, index: int, state: Any) -> tuple[str, Dream]:
        item, dream = self.dreams[index]
        return item, replace(dream, state=state)

    def _keep(self, members: Sequence[tuple[str, Dream]], state: Any) -> None:
        """The state of every picture, where one is due."""
        from deepdream.dreaming.checkpoint import checkpoint_path, write_checkpoint

        every = self.options.checkpoint_every
        if not every or state.done or (state.number % every and not self.stopped):
            return
        now = [(item, replace(dream, state=state.alone(i))) for i, (item, dream) in enumerate(members)]
        for item, dream in [*now, *(self.left if self.stopped else [])]:
            write_checkpoint(checkpoint_path(Path(self.outputs[item])), dream, self.options)

    def _save(self, members: Sequence[tuple[str, Dream]], state: Any, seconds: float) -> Iterator[Event]:
        from deepdream.dreaming.result import finish_all

        count = len(members)
        dreams = [replace(dream, recipe=replace(dream.recipe, batch_size=count)) for _, dream in members]
        results = finish_all(self.network, dreams, state)
        for (item, _), result in zip(members, results, strict=True):
            output = Path(self.outputs[item])
            self.ended.add(item)
            if isinstance(result, DeepDreamError):
                yield Failed.of(item, result)
            elif self.stopped:
                yield _save_partial(item, result, output, self.options)
            else:
                yield _save(item, result, output, self.options, seconds=seconds)


def stepped(item: str, step: Step) -> Stepped:
    """A step of a dream as an event. The score is read only where that does not wait for a device."""
    from deepdream.dreaming.loop import at_hand

    state, ends_stage = step.state, step.state.step == step.state.size.steps
    size = f"{state.size.width}x{state.size.height}"
    return Stepped(
        item=item,
        number=step.number,
        total=step.total,
        stage=f"octave {step.octave}/{len(state.octaves)} ({size}) step {state.step}/{state.size.steps}",
        score=step.score if ends_stage or at_hand(state.parameters) else None,
        ends_stage=ends_stage,
    )


def dream_document(output: Path, result: DreamResult, seconds: float) -> dict[str, Any]:
    """A dream as an entry of the JSON."""
    recipe = result.recipe
    return {
        "output": str(output),
        "width": recipe.width,
        "height": recipe.height,
        "objective": recipe.plan.objective,
        "octaves": [list(size) for size in recipe.octaves],
        "score": recipe.score,
        "gains": list(recipe.gains),
        "batch_size": recipe.batch_size,
        "draft": recipe.plan.precision != "float32",
        "measures": recipe.measures,
        "warnings": result.measures.warnings(),
        "before": [asdict(entry) for entry in recipe.before],
        "after": [asdict(entry) for entry in recipe.after],
        "seconds": seconds,
    }
