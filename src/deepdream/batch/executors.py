"""Where a task's groups run: in this process, or in several. Both give the same events."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from deepdream.batch.events import Event, Failed, Finished, Skipped, Started
from deepdream.batch.task import Group, StopRequested, Task
from deepdream.errors import DeepDreamError, OutputError, WeightsError

#: What the next group would meet, too: a full disk, a network that cannot be loaded. It ends the run.
ENDS_THE_RUN = (OutputError, WeightsError)
#: How often the parent looks whether it is to stop, in seconds, while its workers are busy.
_POLL = 0.1
_ENDS_AN_ITEM = (Finished, Failed, Skipped)

Stop = Callable[[], bool]


class Executor(Protocol):
    """Runs groups and yields their events; ends early where ``stop()`` becomes true."""

    def __call__(self, task: Task, groups: Iterator[Group], stop: Stop) -> Iterator[Event]: ...


def events_of(task: Task, group: Group, stop: Stop) -> Iterator[Event]:
    """The events of one group; ``stop`` is polled after each.

    Raises:
        DeepDreamError: one of ``ENDS_THE_RUN``. Any other is the failure of the items that have no event yet.
    """
    waiting = list(group)
    try:
        for event in _until_stopped(task(group), stop):
            if isinstance(event, _ENDS_AN_ITEM) and event.item in waiting:
                waiting.remove(event.item)
            yield event
    except ENDS_THE_RUN:
        raise
    except DeepDreamError as error:
        for item in waiting:
            yield Failed.of(item, error)


def _until_stopped(events: Iterator[Event], stop: Stop) -> Iterator[Event]:
    for event in events:
        yield event
        if stop():
            break
    else:
        return
    # A task that can keep something of its unfinished item catches the request; other tasks end with it.
    with suppress(StopRequested, StopIteration):
        yield events.throw(StopRequested())  # type: ignore[attr-defined]
        yield from events


def serial(task: Task, groups: Iterator[Group], stop: Stop) -> Iterator[Event]:
    """One group after the other, in this process."""
    task.prepare()
    indexes = itertools.count(1)
    for group in groups:
        for item in group:
            yield Started(item=item, index=next(indexes))
        yield from events_of(task, group, stop)
        if stop():
            return


@dataclass(frozen=True)
class processes:  # noqa: N801 - called like the function `serial`
    """Groups in ``count`` worker processes, each with its own copy of the network and its share of the cores.

    Workers are spawned, so that nothing of this process (locks, threads, devices) is inherited. One that dies costs its
    group only: the items without an event are tried once more, each by itself, in a new worker; an item whose worker
    dies twice fails with the kind ``poison``. Events come in the order in which they happen.
    """

    count: int

    def __call__(self, task: Task, groups: Iterator[Group], stop: Stop) -> Iterator[Event]:
        pool = _Pool(task, self.count)
        try:
            yield from pool.run(groups, stop)
        finally:
            pool.end()


@dataclass
class _Worker:
    """A process, the pipe to it, and what it works on: the items of its group that have no event yet."""

    process: Any
    pipe: Connection
    waiting: list[str] = field(default_factory=list)


class _Pool:
    """Worker processes, each with one group at a time."""

    def __init__(self, task: Task, count: int) -> None:
        self._task, self._count = task, count
        self._context = multiprocessing.get_context("spawn")
        self._stopping = self._context.Event()
        self._workers: list[_Worker] = []
        self._again: deque[Group] = deque()  # groups whose worker died, to be tried once more
        self._died: set[str] = set()  # items whose worker has died once

    def run(self, groups: Iterator[Group], stop: Stop) -> Iterator[Event]:
        """Every event. Raises DeepDreamError: one of ``ENDS_THE_RUN``, from any worker."""
        indexes = itertools.count(1)
        while True:
            if stop():
                self._stopping.set()
            while not self._stopping.is_set() and (worker := self._idle()):
                group = self._again.popleft() if self._again else next(groups, None)
                if group is None:
                    break
                for item in group:
                    if item not in self._died:
                        yield Started(item=item, index=next(indexes))
                worker.waiting = list(group)
                with suppress(OSError):  # a worker that is dead already is noticed below
                    worker.pipe.send(group)
            busy = [worker for worker in self._workers if worker.waiting]
            if not busy:
                return
            for pipe in wait([worker.pipe for worker in busy], timeout=_POLL):
                yield from self._receive(next(worker for worker in busy if worker.pipe is pipe))

    def _idle(self) -> _Worker | None:
        for worker in self._workers:
            if not worker.waiting:
                return worker
        if len(self._workers) == self._count:
            return None
        here, there = self._context.Pipe()
        threads = max(1, (os.cpu_count() or 1) // self._count)
        process = self._context.Process(
            target=_work, args=(self._task, there, self._stopping, threads), daemon=True
        )
        process.start()
        there.close()  # the worker holds the only other end, so that its death ends the pipe
        self._workers.append(_Worker(process, here))
        return self._workers[-1]

    def _receive(self, worker: _Worker) -> Iterator[Event]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        if message is None:
            worker.waiting = []
        elif isinstance(message, DeepDreamError):
            raise message
        else:
            if isinstance(message, _ENDS_AN_ITEM) and message.item in worker.waiting:
                worker.waiting.remove(message.item)
                # The worker is not idle before it says so, for its generator may have more to do.
                worker.waiting = worker.waiting or [""]
            yield message

    def _bury(self, worker: _Worker) -> Iterator[Event]:
        """A dead worker is dropped; of its group one item was worked on, and which one nobody can say."""
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join()
        for item in filter(None, worker.waiting):
            if item in self._died and len(worker.waiting) == 1:
                code = worker.process.exitcode
                yield Failed(
                    item=item,
                    error=f"Its worker process ended twice (exit status {code}). Leave this input out.",
                    kind="poison",
                )
            else:
                self._died.add(item)
                self._again.append((item,))

    def end(self) -> None:
        """No worker stays behind."""
        for worker in self._workers:
            worker.pipe.close()  # an idle worker ends at the end of its pipe
        for worker in self._workers:
            worker.process.join(timeout=1.0)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _work(task: Task, pipe: Connection, stopping: Any, threads: int) -> None:
    """What a worker does: groups from the pipe, events into it, until the parent's end is closed."""
    # A process group of its own: Ctrl-C in a terminal reaches the parent only, which asks its workers to stop.
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch is loaded
    try:
        task.prepare()
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(threads)
    except DeepDreamError as error:
        pipe.send(error)
        return
    with suppress(EOFError, OSError):  # the parent is gone
        while True:
            group = pipe.recv()
            try:
                for event in events_of(task, group, stopping.is_set):
                    pipe.send(event)
                pipe.send(None)
            except DeepDreamError as error:
                pipe.send(error)
