"""``DreamTask`` and ``ResumeTask``: dream pictures, those of one size together; continue dreams that were stopped."""

from __future__ import annotations

import shlex
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.batch.events import Event, Failed, Finished, Stepped, Stopped
from deepdream.batch.fed_picture import read_source
from deepdream.batch.recorded import check_network, differences, recorded_networks
from deepdream.batch.sources import is_noise
from deepdream.batch.task import Group, NetworkSpec, StopRequested, one_by_one
from deepdream.errors import DeepDreamError, OutputError, UsageError
from deepdream.plan import Plan

if TYPE_CHECKING:
    from deepdream.dreaming import DreamResult, Step
    from deepdream.dreaming.checkpoint import OutputOptions
    from deepdream.dreaming.ongoing import Dream
    from deepdream.images import Picture
    from deepdream.models import Model

#: So many pictures of other sizes wait at most while a batch is being filled.
_WAITING = 64


@dataclass(frozen=True)
class InputOptions:
    """How an input is read.

    Attributes:
        size: ``640`` for the longer side, ``800x600`` for exactly that; None leaves the picture as it is.
        value_range: How stored numbers become [0, 1], as ``deepdream.images.read_picture`` takes it.
        max_pixels: Larger pictures are refused before they are decoded.
    """

    size: str | None = None
    value_range: str = "auto"
    max_pixels: int = 64_000_000

    def read(self, source: str, *, seed: int) -> Picture:
        """The picture, or seeded noise for the word ``noise``. Raises PictureError, UsageError."""
        from deepdream.dreaming.result import noise_picture, parse_size

        if is_noise(source):
            size = self.size or "512"
            height, width = parse_size(size if "x" in size.lower() else f"{size}x{size}", 1, 1)
            self._check(height, width)
            return noise_picture(height, width, seed)
        picture = read_source(source, value_range=self.value_range, max_pixels=self.max_pixels)
        if self.size:
            self._check(*parse_size(self.size, picture.height, picture.width))
        return picture

    def size_for(self, source: str) -> str | None:
        """The size to resize to; noise has it already."""
        return None if is_noise(source) else self.size

    def _check(self, height: int, width: int) -> None:
        if height * width > self.max_pixels:
            raise UsageError(
                f"--size {self.size} would be {width}x{height}, more than the limit of {self.max_pixels:,} "
                "pixels. Make it smaller, or raise the limit with --max-pixels."
            )


def _default_output() -> OutputOptions:
    from deepdream.dreaming.checkpoint import OutputOptions

    return OutputOptions()


@dataclass(frozen=True)
class DreamTask:
    """Dream each picture with one plan.

    Attributes:
        outputs: The file of each input.
        batch: How many small pictures of one size are dreamed together; None chooses by size and free memory.
        fit_tiles: Whether tiles are chosen by the free memory; never for a picture that is made again.
        search_paths: Where files that the plan names are looked for, besides beside the input and the output.
    """

    network: NetworkSpec
    plan: Plan
    outputs: Mapping[str, str]
    input: InputOptions = field(default_factory=InputOptions)
    output: OutputOptions = field(default_factory=_default_output)
    batch: int | None = 1
    fit_tiles: bool = False
    search_paths: tuple[Path, ...] = ()

    def prepare(self) -> None:
        """Load the network."""
        self.network.load()

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Pictures of one size together, as many as ``batch`` says; each by itself where that would change it."""
        if self.batch == 1:
            yield from one_by_one(sources)
            return
        waiting: dict[tuple[int, int], list[str]] = {}
        for source in sources:
            size = self._size_of(source)
            if size is None:
                yield (source,)
                continue
            group = waiting.setdefault(size, [])
            group.append(source)
            if len(group) >= self._most(size):
                yield tuple(waiting.pop(size))
            while sum(map(len, waiting.values())) > _WAITING:
                yield tuple(waiting.pop(next(iter(waiting))))
        yield from map(tuple, waiting.values())

    def _size_of(self, source: str) -> tuple[int, int] | None:
        """Height and width of a source's dream, read from the head of its file; None where that does not say it."""
        from deepdream.dreaming.result import parse_size
        from deepdream.images.reader import size_in_header

        if is_noise(source) or (size := size_in_header(source)) is None:
            return None
        return parse_size(self.input.size, *size) if self.input.size else size

    def _most(self, size: tuple[int, int]) -> int:
        from deepdream.dreaming.estimating import choose_batch

        if self.batch is not None:
            return self.batch
        return choose_batch(self.network.load(), self.plan, *size, places=self.search_paths)

    def __call__(self, group: Group) -> Iterator[Event]:
        network = self.network.load()
        dreams: list[tuple[str, Dream]] = []
        for item in group:
            try:
                dreams.append((item, (yield from self._begin(item, network))))
            except OutputError:
                raise
            except DeepDreamError as error:
                yield Failed.of(item, error)
        yield from dream_all(network, _with_classes(network, dreams), self.outputs, self.output)

    def _begin(self, item: str, network: Model) -> Generator[Event, None, Dream]:
        """Read a picture; gives its dream before the first step."""
        from deepdream.dreaming.result import begin

        picture = self.input.read(item, seed=self.plan.seed)
        plan = self.fitted(item, network, picture)
        notes = [f"{picture.name}: {note}" for note in picture.notes]
        if plan.tile != self.plan.tile:
            notes.append(f"{picture.name}: in tiles of {plan.tile} pixels, since memory is short")
        if plan.precision != "float32":
            notes.append(f"{picture.name}: a draft, since the network runs in {plan.precision}")
        for note in notes:
            yield Stepped(item=item, note=note)
        dream = begin(
            network,
            picture,
            plan,
            size=self.input.size_for(item),
            decided_by=self.output.decided_by,
            value_range=self.input.value_range,
            places=self.places(item),
            before=(),
        )
        return replace(dream, recipe=replace(dream.recipe, bits=self.output.bits))

    def places(self, item: str) -> list[Path]:
        """Where files that the plan names are looked for."""
        return [*self.search_paths, Path(item), Path(self.outputs[item])]

    def fitted(self, item: str, network: Model, picture: Picture) -> Plan:
        """The plan with tiles that fit into the free memory, where that is wanted."""
        if not self.fit_tiles:
            return self.plan
        from deepdream.dreaming.estimating import fit_to_memory
        from deepdream.dreaming.result import parse_size

        size = self.input.size_for(item) or f"{picture.width}x{picture.height}"
        height, width = parse_size(size, picture.height, picture.width)
        held = picture.pixels.nbytes
        return fit_to_memory(network, self.plan, height, width, places=self.places(item), held=held)


@dataclass(frozen=True)
class ResumeTask:
    """Continue dreams from the states beside their outputs; an item is an output.

    Attributes:
        own: Functions of the user's own that make networks, ``FILE.py:FUNCTION``: only what is named here is run.
        weights, device: Where the user chose others than the recipe's.
    """

    own: tuple[str, ...] = ()
    weights: str | None = None
    device: str = ""

    def prepare(self) -> None:
        """Each dream names its own network."""

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Each dream by itself."""
        return one_by_one(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        import torch

        from deepdream.dreaming.checkpoint import checkpoint_path, on_device, read_checkpoint

        (item,) = group
        dream, options = read_checkpoint(checkpoint_path(Path(item)))
        recipe = dream.recipe
        network = recorded_networks(recipe, self.weights, self.device, self.own).load()
        check_network(network, recipe)
        for line in differences(recipe, network):
            yield Stepped(item=item, note=f"deepdream: differs from then: {line}")
        torch.set_num_threads(recipe.threads)
        dream = replace(dream, state=on_device(dream.state, network.device))
        yield from dream_all(network, [(item, dream)], {item: item}, options)


def resume_options(models: Sequence[str], weights: str | None) -> str:
    """The options that ``resume`` needs to load these networks again, with a space before each."""
    from deepdream.models import is_own_code

    own = "".join(f" --model {shlex.quote(name)}" for name in models if is_own_code(name))
    return own + (f" --weights {shlex.quote(weights)}" if weights else "")


def partial_path(output: Path) -> Path:
    """Where the picture of a stopped dream goes: ``dream_partial.png``."""
    return output.with_stem(f"{output.stem}_partial")


def _with_classes(network: Model, dreams: list[tuple[str, Dream]]) -> list[tuple[str, Dream]]:
    """The dreams with the most probable classes of their pictures, computed in one pass; empties ``dreams``."""
    import torch

    from deepdream.dreaming.ongoing import top_classes

    if not dreams:
        return []
    sizes = {tuple(dream.state.source.shape) for _, dream in dreams}
    sources = [dream.state.source for _, dream in dreams]
    classes = (
        top_classes(network, torch.cat(sources) if len(sources) > 1 else sources[0])
        if len(sizes) == 1
        else [top_classes(network, source)[0] for source in sources]
    )
    result = [
        (item, replace(dream, recipe=replace(dream.recipe, before=before)))
        for (item, dream), before in zip(dreams, classes, strict=True)
    ]
    dreams.clear()  # nobody holds the beginning of a dream that is under way: of a large picture it is a gigabyte
    return result


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

    began, kept, every = time.monotonic(), checkpoint_path(output), options.checkpoint_every
    stopped = False
    with enough_memory(f"{ongoing.recipe.width}x{ongoing.recipe.height}"):
        for step in dream(network, ongoing.state.plan, state=ongoing.state):
            ongoing = replace(ongoing, state=step.state)
            try:
                yield stepped(item, step)
            except StopRequested:
                stopped = not step.last
            if every and not step.last and (stopped or step.number % every == 0):
                write_checkpoint(kept, ongoing, options)
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
