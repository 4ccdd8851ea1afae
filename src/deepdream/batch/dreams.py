"""``DreamTask`` and ``ResumeTask``: dream pictures, those of one size together; continue dreams that were stopped."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.batch.dream_events import dream_all
from deepdream.batch.events import Event, Failed, Stepped
from deepdream.batch.fed_picture import InputOptions
from deepdream.batch.recorded import check_network, differences, recorded_networks
from deepdream.batch.sources import is_noise
from deepdream.batch.task import Group, NetworkSpec, one_by_one
from deepdream.errors import DeepDreamError, OutputError
from deepdream.plan import Plan

if TYPE_CHECKING:
    from deepdream.dreaming.checkpoint import OutputOptions
    from deepdream.dreaming.ongoing import Dream
    from deepdream.images import Picture
    from deepdream.models import Model

#: So many pictures of other sizes wait at most while a batch is being filled.
_WAITING = 64


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
        from deepdream.dreaming.source_pictures import parse_size
        from deepdream.images.reader import size_in_header

        if is_noise(source) or (size := size_in_header(source)) is None:
            return None
        return parse_size(self.input.size, *size) if self.input.size else size

    def _most(self, size: tuple[int, int]) -> int:
        from deepdream.dreaming.estimating import choose_batch

        if self.batch is not None:
            return self.batch
        return choose_batch(self.network.load(), self.plan, *size, search_paths=self.search_paths)

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
            search_paths=self.search_paths_of(item),
            before=(),
        )
        return replace(dream, recipe=replace(dream.recipe, bits=self.output.bits))

    def search_paths_of(self, item: str) -> list[Path]:
        """Where files that the plan names are looked for."""
        return [*self.search_paths, Path(item), Path(self.outputs[item])]

    def fitted(self, item: str, network: Model, picture: Picture) -> Plan:
        """The plan with tiles that fit into the free memory, where that is wanted."""
        if not self.fit_tiles:
            return self.plan
        from deepdream.dreaming.estimating import fit_to_memory
        from deepdream.dreaming.source_pictures import parse_size

        size = self.input.size_for(item) or f"{picture.width}x{picture.height}"
        height, width = parse_size(size, picture.height, picture.width)
        picture_bytes = picture.pixels.nbytes
        return fit_to_memory(
            network,
            self.plan,
            height,
            width,
            search_paths=self.search_paths_of(item),
            other_bytes=picture_bytes,
        )


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
