"""Many pictures: those of one size are dreamed together, and each keeps its own file, record and failure."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deepdream.batch.outputs import Job
from deepdream.cli.process import interruptible
from deepdream.cli.progress import dream_progress
from deepdream.cli.resume_command import dream_to_the_end, partial_path, save_partial, summary
from deepdream.cli.terminal import put, say
from deepdream.errors import DeepDreamError, InterruptedRunError, SomeInputsFailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepdream.cli.dream_inputs import Reading
    from deepdream.cli.process import Interruption
    from deepdream.dreaming import DreamResult, State
    from deepdream.dreaming.checkpoint import Checkpoint
    from deepdream.models import Model
    from deepdream.provenance import Recipe

#: So many pictures of other sizes wait at most while a batch is being filled.
_WAITING = 64


@dataclass(frozen=True, eq=False)
class Begun:
    """A dream before its first step, and what is said of it in the end."""

    job: Job
    checkpoint: Checkpoint
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        return self.checkpoint.state


@dataclass
class Ledger:
    """What has become of every job so far."""

    count: int
    announce: bool
    results: dict[Job, dict[str, Any]] = field(default_factory=dict)
    failures: dict[Job, DeepDreamError] = field(default_factory=dict)
    stopped: InterruptedRunError | None = None

    def note(self, job: Job, told: dict[str, Any]) -> None:
        """``job`` is done; its output is announced."""
        self.results[job] = {"input": str(job.source), **told}
        if self.announce and not job.skip:
            put(str(job.output))

    def fail(self, job: Job, error: DeepDreamError) -> None:
        """``job`` has failed; the others go on."""
        self.failures[job] = error
        if self.count > 1 and not _is_stop(error):
            say(f"deepdream: {job.source}: {error}")

    @contextmanager
    def failing(self, job: Job) -> Iterator[None]:
        """What fails inside is the failure of ``job``."""
        try:
            yield
        except DeepDreamError as error:
            self.fail(job, error)

    @property
    def interrupted(self) -> bool:
        """Whether the user or the system has asked to stop."""
        return self.stopped is not None or any(map(_is_stop, self.failures.values()))

    def raise_failures(self) -> None:
        """What stopped the run, or the one error, or how many failed."""
        if self.stopped is not None:
            raise self.stopped
        for error in self.failures.values():
            if self.count == 1 or _is_stop(error):
                raise error
        if self.failures:
            raise SomeInputsFailedError(
                f"{len(self.failures)} of {self.count} inputs failed: {next(iter(self.failures)).source} and so "
                "on, see above."
            )


def _is_stop(error: DeepDreamError) -> bool:
    return isinstance(error, InterruptedRunError)


def read_batch(text: str) -> int | None:
    """``--batch N``, or None for ``auto``. Raises UsageError."""
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise UsageError(f"--batch is auto or a number from 1 to 1024, not {text[:20]!r}.")
    return int(text)


def run_all(
    jobs: Sequence[Job],
    network: Model,
    begin: Callable[[Job], Begun],
    reading: Reading,
    *,
    batch: int | None,
    announce: bool,
) -> Ledger:
    """Dream every job, those that fit together in batches of ``batch`` (None: by size and memory).

    ``begin`` reads a picture and makes it ready. A picture that fails does not stop the rest.
    """
    ledger = Ledger(len(jobs), announce)
    waiting: list[list[Begun]] = []
    for job in jobs:
        if job.skip:
            ledger.note(job, {"output": str(job.output), "skipped": True})
            continue
        with ledger.failing(job):
            group = _place(begin(job), waiting)
            if len(group) >= _most(group[0], network, batch):
                waiting.remove(group)
                _dream(group, network, reading, ledger)
        while sum(map(len, waiting)) > _WAITING:
            _dream(waiting.pop(0), network, reading, ledger)
        if ledger.interrupted:
            return ledger
    for group in waiting:
        _dream(group, network, reading, ledger)
        if ledger.interrupted:
            break
    return ledger


def _place(begun: Begun, waiting: list[list[Begun]]) -> list[Begun]:
    """The group that ``begun`` has joined."""
    from deepdream.dreaming.batched import fits_with

    for group in waiting:
        if fits_with(group[0].state, begun.state):
            group.append(begun)
            return group
    waiting.append([begun])
    return waiting[-1]


def _most(begun: Begun, network: Model, batch: int | None) -> int:
    """How many pictures like this one go together."""
    from deepdream.dreaming.batched import may_join
    from deepdream.dreaming.estimating import choose_batch

    state = begun.state
    if batch == 1 or not may_join(state.plan, state):
        return 1
    return batch or choose_batch(network, state.plan, *state.source.shape[-2:], places=[begun.job.source])


def _dream(group: list[Begun], network: Model, reading: Reading, ledger: Ledger) -> None:
    """Dream a group to its end and empty it; who leaves it is dreamed alone afterward.

    Nobody holds a dream's beginning while it goes on: of a large picture that is a gigabyte.
    """
    members = _with_classes(group, network)
    group.clear()
    alone = members if len(members) == 1 else _dream_batch(members, network, reading, ledger)
    while alone and not ledger.interrupted:
        job, notes = alone[0].job, alone[0].notes
        with ledger.failing(job):
            told = dream_to_the_end(
                job.output, network, alone.pop(0).checkpoint, quiet=reading.quiet, again=reading.again
            )
            ledger.note(job, {**told, "notes": list(notes)})


def _with_classes(group: list[Begun], network: Model) -> list[Begun]:
    """The group with what the network sees in each picture before its dream, asked at once."""
    import torch

    from deepdream.dreaming.draft import top_classes

    sources = [begun.state.source for begun in group]
    classes = top_classes(network, torch.cat(sources) if len(sources) > 1 else sources[0])
    return [
        _drafted(begun, replace(begun.checkpoint.draft.recipe, before=before))
        for begun, before in zip(group, classes, strict=True)
    ]


def _drafted(begun: Begun, recipe: Recipe) -> Begun:
    checkpoint = begun.checkpoint
    return replace(begun, checkpoint=replace(checkpoint, draft=replace(checkpoint.draft, recipe=recipe)))


def _at(begun: Begun, state: State) -> Begun:
    return replace(begun, checkpoint=replace(begun.checkpoint, state=state))


def _dream_batch(group: list[Begun], network: Model, reading: Reading, ledger: Ledger) -> list[Begun]:
    """Dream a batch; gives those who must go on alone: their numbers went bad, or memory ran out."""
    from deepdream.dreaming.result import enough_memory

    batch = _Batch(group, network, reading, ledger)
    try:
        with interruptible() as interruption, enough_memory(f"{len(group)} pictures"):
            batch.dream(interruption)
            batch.save(interruption.number)
    except DeepDreamError:  # of the batch and of nobody in it; alone each fails by itself, if at all
        batch.left = [begun for begun in group if begun.job not in {**ledger.results, **ledger.failures}]
    if interruption.number:
        ledger.stopped = batch.stop(interruption.number)
    return batch.left


class _Batch:
    """Dreams that are made together, and who of them is still in."""

    def __init__(self, group: list[Begun], network: Model, reading: Reading, ledger: Ledger) -> None:
        self.group, self.network, self.reading, self.ledger = group, network, reading, ledger
        self.members, self.left = group, list[Begun]()
        self.state: State | None = None
        self.began = time.monotonic()

    def dream(self, interruption: Interruption) -> None:
        """Every step, until the end or the interruption."""
        from deepdream.dreaming.batched import dream_batched
        from deepdream.dreaming.loop import Step

        with dream_progress(f"{len(self.group)} pictures", quiet=self.reading.quiet) as show:
            for after in dream_batched(self.network, [begun.state for begun in self.group]):
                self.left += [_at(self.group[place], state) for place, state in after.left]
                self.members, self.state = [self.group[place] for place in after.members], after.state
                if after.state is not None:
                    show(Step(after.state))
                self._keep(interrupted=interruption.number != 0)
                if interruption.number:
                    break

    def _keep(self, *, interrupted: bool) -> None:
        """The checkpoint of every picture, where one is due."""
        from deepdream.dreaming.checkpoint import checkpoint_path, write_checkpoint

        state, every = self.state, self.reading.keeping.checkpoint_every
        if not every or state is None or state.done or (state.number % every and not interrupted):
            return
        left = self.left if interrupted else []
        for begun in [*(_at(one, state.alone(i)) for i, one in enumerate(self.members)), *left]:
            write_checkpoint(checkpoint_path(begun.job.output), begun.checkpoint)

    def save(self, signal_number: int) -> None:
        """Every picture that is still in into its own file, with its own record."""
        from deepdream.dreaming.result import finish_all

        if self.state is None:
            return
        count = len(self.members)
        members = [
            _drafted(one, replace(one.checkpoint.draft.recipe, together=count)) for one in self.members
        ]
        drafts = [begun.checkpoint.draft for begun in members]
        found = finish_all(self.network, drafts, self.state)
        seconds = round((time.monotonic() - self.began) / count, 3)
        for begun, dreamed in zip(members, found, strict=True):
            with self.ledger.failing(begun.job):
                self._save_one(begun, dreamed, seconds, signal_number)

    def _save_one(
        self, begun: Begun, dreamed: DreamResult | DeepDreamError, seconds: float, signal_number: int
    ) -> None:
        from deepdream.dreaming.checkpoint import checkpoint_path

        if isinstance(dreamed, DeepDreamError):
            raise dreamed
        job, checkpoint = begun.job, begun.checkpoint
        if not dreamed.recipe.finished:
            save_partial(dreamed, job.output, checkpoint, signal_number, self.reading.again)
        dreamed.save(job.output, bits=dreamed.recipe.bits, metadata=checkpoint.metadata)
        checkpoint_path(job.output).unlink(missing_ok=True)
        self.ledger.note(job, {**summary(job.output, dreamed, seconds), "notes": list(begun.notes)})

    def stop(self, signal_number: int) -> InterruptedRunError:
        """What is said of the interruption."""
        unfinished = [begun.job.output for begun in self.members if begun.job not in self.ledger.results]
        if not unfinished:
            return InterruptedRunError(f"stopped; {len(self.members)} pictures were finished.", signal_number)
        several = f" and {len(unfinished) - 1} more like it" if len(unfinished) > 1 else ""
        message = f"stopped; the picture so far is in {partial_path(unfinished[0])}{several}."
        if self.reading.keeping.checkpoint_every:
            folders = dict.fromkeys(shlex.quote(str(output.parent)) for output in unfinished)
            message += f" `deepdream resume {' '.join(folders)}{self.reading.again}` goes on."
        return InterruptedRunError(message, signal_number)
