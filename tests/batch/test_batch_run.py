"""The engine with toy tasks: the same events in one process and in several, failures, stopping, continuing."""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deepdream.batch import Failed, Finished, Skipped, Stepped, Stopped, StopRequested, processes, run, serial
from deepdream.batch.checks import CheckTask
from deepdream.batch.executors import Executor
from deepdream.batch.explanations import ExplainTask
from deepdream.batch.outputs import Existing
from deepdream.batch.predictions import PredictTask
from deepdream.batch.reports import ReportTask
from deepdream.batch.run import RunOutcome
from deepdream.batch.table import Table
from deepdream.batch.task import NetworkSpec
from deepdream.errors import OutputError, UnknownNameError, UsageError

EXECUTORS = pytest.mark.parametrize("executor", [serial, processes(1), processes(2)])


@dataclass(frozen=True)
class Squares:
    """Squares numbers in groups of ``size``; words that are not numbers fail, others have effects of their own."""

    size: int = 1
    folder: str = ""

    def prepare(self) -> None:
        """Nothing is needed."""

    def groups(self, sources: Sequence[str]) -> Iterator[tuple[str, ...]]:
        for start in range(0, len(sources), self.size):
            yield tuple(sources[start : start + self.size])

    def __call__(self, group: tuple[str, ...]) -> Iterator[Any]:
        for item in group:
            yield Stepped(item=item, number=1, total=1)
            if item == "full":
                raise OutputError("The disk is full.")
            if item.startswith("die") and (item == "die" or not (Path(self.folder) / item).exists()):
                (Path(self.folder) / item).touch()
                os._exit(3)
            if not item.isdecimal():
                raise UsageError(f"{item} is not a number.")
            yield Finished(item=item, rows=({"square": int(item) ** 2},), documents=({"input": item},))


@dataclass(frozen=True)
class Slow(Squares):
    """A task that keeps something of an item that it is stopped in."""

    def __call__(self, group: tuple[str, ...]) -> Iterator[Any]:
        (item,) = group
        for number in range(1, 200):
            time.sleep(0.01)
            try:
                yield Stepped(item=item, number=number, total=199)
            except StopRequested:
                yield Stopped(item=item, outputs=(f"{item}_partial",), resumable=(item,))
                return
        yield Finished(item=item)


def ends(events: Sequence[Any]) -> list[Any]:
    return sorted((e for e in events if isinstance(e, (Finished, Failed, Skipped))), key=lambda e: e.item)


@EXECUTORS
@pytest.mark.parametrize("size", [1, 3])
def test_every_executor_gives_the_same_ends(executor: Executor, size: int) -> None:
    sources = ["1", "2", "x", "3", "4", "5", "y"]
    events = list(run(Squares(size), sources, executor=executor))
    expected = list(run(Squares(size), sources))
    assert ends(events) == ends(expected)
    started = [event for event in events if event.name == "started"]
    assert [(event.index, event.total) for event in started] == [(n, 7) for n in range(1, 8)]


@EXECUTORS
def test_what_the_next_item_would_meet_ends_the_run(executor: Executor, tmp_path: Path) -> None:
    table = Table(tmp_path / "squares.csv", ("square",))
    table.begin({"networks": [], "plan": {}, "seed": 0}, Existing.REFUSE)
    with pytest.raises(OutputError, match="disk is full"):
        list(run(Squares(), ["1", "full", "3"], executor=executor, table=table))
    assert (tmp_path / "squares.csv").read_bytes().endswith(b"\n")
    assert "full" not in {row["picture"] for row in table.rows()}


def test_a_dead_worker_costs_its_item_only(tmp_path: Path) -> None:
    outcome = RunOutcome()
    for event in run(
        Squares(folder=str(tmp_path)), ["1", "die once", "die", "2", "3"], executor=processes(2)
    ):
        outcome.note(event)
    assert outcome.finished == 3
    assert outcome.failures["die"].kind == "poison"
    assert "ended twice (exit status 3)" in outcome.failures["die"].error
    assert outcome.failures["die once"].kind == "UsageError"  # its second try reached the end
    assert (outcome.error() or OutputError()).exit_code == 6


def test_a_dead_worker_of_a_group_loses_no_neighbor(tmp_path: Path) -> None:
    events = ends(list(run(Squares(4, str(tmp_path)), ["1", "2", "die", "3"], executor=processes(1))))
    assert [(event.item, event.name) for event in events] == [
        ("1", "finished"),
        ("2", "finished"),
        ("3", "finished"),
        ("die", "failed"),
    ]


@EXECUTORS
def test_stopping_is_polled_and_keeps_what_the_task_saves(executor: Executor) -> None:
    steps = [0]
    events = []
    for event in run(Slow(), ["1", "2", "3"], executor=executor, stop=lambda: steps[0] > 3):
        steps[0] += isinstance(event, Stepped)
        events.append(event)
    last = events[-1]
    assert isinstance(last, Stopped)
    assert (last.remaining, last.total) == (3, 3)
    assert set(last.outputs) <= {"1_partial", "2_partial", "3_partial"}
    assert len(last.outputs) == len(last.resumable) >= 1


@dataclass(frozen=True)
class WrongName(Squares):
    """A task whose network does not exist."""

    def prepare(self) -> None:
        raise UnknownNameError("network", "resnet19", ["resnet18", "resnet34"], listing="deepdream models")


@EXECUTORS
def test_what_cannot_be_prepared_is_the_same_error_in_a_worker(executor: Executor) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'resnet18'") as caught:
        list(run(WrongName(), ["1", "2"], executor=executor))
    assert caught.value.exit_code == 2
    assert caught.value.suggestions[0] == "resnet18"


def test_a_table_is_continued(tmp_path: Path) -> None:
    record = {"networks": [], "plan": {}, "seed": 0}
    for existing, sources, skipped in ((Existing.REFUSE, ["1", "x"], 0), (Existing.SKIP, ["1", "x", "2"], 1)):
        table = Table(tmp_path / "squares.csv", ("square",))
        table.begin(record, existing)
        events = list(run(Squares(), sources, table=table))
        assert sum(isinstance(event, Skipped) for event in events) == skipped
    assert [(row["picture"], row["square"]) for row in table.rows()] == [("1", "1"), ("2", "4")]


def test_events_are_plain_values() -> None:
    for event in run(Squares(), ["1", "x"]):
        assert pickle.loads(pickle.dumps(event)) == event
        assert json.loads(json.dumps(event.to_dict()))["event"] == event.name


def test_tasks_pickle() -> None:
    spec = NetworkSpec("resnet18", "random", "cpu")
    for task in (
        ExplainTask(spec, "lrp", options={"rule": "epsilon"}),
        CheckTask(spec, ("saliency",), ("deletion",)),
        PredictTask(spec),
        ReportTask((spec,), {"a.png": "a.html"}),
    ):
        assert pickle.loads(pickle.dumps(task)) == task


def test_workers_of_a_real_task_give_the_rows_of_one_process() -> None:
    images = sorted(str(path) for path in (Path(__file__).parents[2] / "images").glob("*.jpg"))[:3]
    task = PredictTask(NetworkSpec(device="cpu"), top=2)
    alone, several = (ends(list(run(task, images, executor=e))) for e in (serial, processes(2)))
    assert [event.item for event in alone] == [event.item for event in several] == images
    for one, other in zip(alone, several, strict=True):
        assert [row["class"] for row in one.rows] == [row["class"] for row in other.rows]
        for row, twin in zip(one.rows, other.rows, strict=True):
            assert row["probability"] == pytest.approx(twin["probability"], rel=1e-5)
