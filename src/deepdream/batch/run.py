"""One run over many inputs: a generator of events, with a table that has every finished item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from deepdream.batch.events import Event, Failed, Finished, Skipped, Started, Stopped
from deepdream.batch.executors import Executor, Stop, serial
from deepdream.batch.sources import spelled
from deepdream.batch.table import ERROR, PICTURE, Table
from deepdream.batch.task import Task
from deepdream.errors import DeepDreamError, SomeInputsFailedError


def run(
    task: Task,
    sources: Sequence[str],
    *,
    executor: Executor = serial,
    table: Table | None = None,
    stop: Stop = lambda: False,
) -> Iterator[Event]:
    """Do ``task`` for every source, and yield what happens.

    An item that fails does not end the run. Items that ``table`` has already are skipped. Where ``stop()`` is true
    after an event, the run ends with a ``Stopped`` event, and what is done is kept.

    Args:
        sources: Inputs, as text: paths, ``-`` for standard input, ``noise``.
        executor: ``serial``, or ``processes(n)``.
        table: Has the rows of each finished item at once, and a row with the error of each that failed.

    Raises:
        OutputError, WeightsError: what every further item would meet, too. What was done before is kept.
    """
    sources = list(dict.fromkeys(sources))
    done = table.done if table else set[str]()
    for source in sources:
        if spelled(source) in done:
            yield Skipped(item=source)
    waiting = [source for source in sources if spelled(source) not in done]
    remaining, partial, resumable = set(waiting), list[str](), list[str]()
    with table or nullcontext():
        for event in executor(task, task.groups(waiting), stop):
            if isinstance(event, Stopped):  # of one item; the run's own comes at the end
                partial += event.outputs
                resumable += event.resumable
                continue
            if isinstance(event, Started):
                event = replace(event, total=len(waiting))
            if isinstance(event, (Finished, Failed, Skipped)):
                remaining.discard(event.item)
            if table:
                _enter(table, event)
            yield event
    if stop():
        yield Stopped(
            remaining=len(remaining), total=len(sources), outputs=tuple(partial), resumable=tuple(resumable)
        )


def _enter(table: Table, event: Event) -> None:
    """The rows of a finished item, or the error of one that failed, in the table."""
    if isinstance(event, Finished):
        table.add([{PICTURE: spelled(event.item), **row} for row in event.rows])
    elif isinstance(event, Failed):
        table.add([{PICTURE: spelled(event.item), ERROR: " ".join(event.error.split())}])


@dataclass
class RunOutcome:
    """What has become of all items so far, by the events that were noted; ``done`` are those with a result."""

    finished: int = 0
    done: set[str] = field(default_factory=set)
    skipped: list[Skipped] = field(default_factory=list)
    failures: dict[str, Failed] = field(default_factory=dict)
    stopped: Stopped | None = None

    def note(self, event: Event) -> None:
        """One more event."""
        self.finished += isinstance(event, Finished)
        if isinstance(event, (Finished, Skipped)):
            self.done.add(event.item)
        if isinstance(event, Skipped):
            self.skipped.append(event)
        if isinstance(event, Failed):
            self.failures[event.item] = event
        if isinstance(event, Stopped):
            self.stopped = event

    @property
    def total(self) -> int:
        """Items that have an event of their end."""
        return self.finished + len(self.skipped) + len(self.failures)

    def error(self) -> DeepDreamError | None:
        """What the run ends with where items failed: the error of a single item, or how many failed."""
        if not self.failures:
            return None
        first = next(iter(self.failures.values()))
        if self.total == 1:
            error = DeepDreamError(first.error)
            error.exit_code = first.exit_code
            return error
        return SomeInputsFailedError(
            f"{len(self.failures)} of {self.total} inputs failed; the first is {spelled(first.item)}."
        )
