"""A run over many inputs in the terminal: its events as progress, lines, JSON, a table of failures and an exit code."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdream.batch.dreams import DreamTask
from deepdream.batch.events import Event, Failed, Finished, Skipped, Stepped, Stopped
from deepdream.batch.executors import Executor, serial
from deepdream.batch.outputs import Existing
from deepdream.batch.run import RunOutcome, run
from deepdream.batch.sources import spelled
from deepdream.batch.summaries import NoSummary, Summary
from deepdream.batch.table import Table
from deepdream.batch.task import Task
from deepdream.cli.process import interruptible
from deepdream.cli.progress import BatchProgress
from deepdream.cli.terminal import JsonResults, put, put_table, say, say_table
from deepdream.errors import InterruptedRunError, OutputError, UsageError

#: So many failed inputs are listed at the end of a run; all of them are in its table and its JSON.
_LISTED = 20


@dataclass
class BatchOutput:
    """How the events of one run are shown.

    Attributes:
        title: What is done, for progress and the final sentence: ``grad-cam of 12 pictures``.
        summary: Statistics of all rows, those of an earlier run included.
        show: Puts what a finished item says on stdout, without ``--json``; by default the names of its files.
        conclude: Writes what belongs to all items together, such as a sheet, when the last item is done or the run is
            stopped; gives its entries of the JSON. ``output``, if there is one, is also named on stdout.
        can_continue: Whether --skip-existing continues a stopped run; always true where there is a table.
        skipped: Items that were done before the run, with their outputs.
        resume_options: What ``deepdream resume`` needs besides the output to continue, with a space before.
    """

    title: str
    as_json: bool
    quiet: bool
    table: Table | None = None
    summary: Summary = field(default_factory=NoSummary)
    show: Callable[[Finished], None] | None = None
    conclude: Callable[[RunOutcome], Mapping[str, Any]] | None = None
    resume_options: str = ""
    can_continue: bool = False
    skipped: Mapping[str, str] = field(default_factory=dict)
    show_notes: bool = True
    stop_note: str = "deepdream: stopping; what is done is kept. A second signal stops at once."
    outcome: RunOutcome = field(default_factory=RunOutcome, init=False)
    signal_number: int = field(default=0, init=False)
    _total: int = field(default=0, init=False)
    _whole: Mapping[str, Any] = field(default_factory=dict, init=False)

    def run(self, task: Task, sources: Sequence[str | Path], *, executor: Executor = serial) -> RunOutcome:
        """Run ``task``, show its events, and end as the command does: ``follow``, then ``end``."""
        self.follow(task, sources, executor=executor)
        self.end()
        return self.outcome

    def follow(self, task: Task, sources: Sequence[str | Path], *, executor: Executor = serial) -> RunOutcome:
        """Run ``task`` and show its events.

        The first SIGINT or SIGTERM, whose number is kept in ``signal_number``, lets the current step end, and keeps
        what is done.

        Raises:
            OutputError, WeightsError: what every further input would meet, too.
        """
        items = [str(source) for source in sources]
        outcome = self.outcome = RunOutcome(
            skipped=[Skipped(item=item, outputs=(output,)) for item, output in self.skipped.items()]
        )
        for row in self.table.rows() if self.table else ():
            self.summary.note(row)
        for line in self.table.differences if self.table and not self.quiet else ():
            say(f"deepdream: differs from then: {line}")
        results = JsonResults() if self.as_json else None
        with (
            interruptible(self.stop_note if len(items) > 1 and not self.quiet else "") as interruption,
            results or nullcontext(),
            BatchProgress(self.title, total=len(items), quiet=self.quiet) as progress,
        ):
            events = run(
                task, items, executor=executor, table=self.table, stop=lambda: interruption.number != 0
            )
            for event in events:
                outcome.note(event)
                progress.note(event)
                self._show(event, results, single=len(items) == 1)
            self._total = len(items) + len(self.skipped)
            # Inside, so that a second signal does not leave the sheet out.
            self._whole = self.conclude(outcome) if self.conclude else {}
            if results is not None:
                results.close(**self._whole, **self._rest(outcome, self._total))
        self.signal_number = interruption.number
        return outcome

    def failures(self) -> dict[str, str]:
        """The reason for each input that failed in the last run, by base name."""
        return {Path(item).name: event.error for item, event in self.outcome.failures.items()}

    def _show(self, event: Event, results: JsonResults | None, *, single: bool) -> None:
        if isinstance(event, Stepped) and event.note and self.show_notes and not self.quiet:
            say(event.note)
        elif isinstance(event, Failed) and not single:
            say(f"deepdream: {spelled(event.item)}: {event.error}")
        elif isinstance(event, Finished):
            for row in event.rows:
                self.summary.note(row)
            for document in event.documents if results is not None else ():
                results.add(document)  # type: ignore[union-attr]
            if results is None:
                (self.show or put_outputs)(event)

    def _rest(self, outcome: RunOutcome, total: int) -> dict[str, Any]:
        """What the JSON holds besides the results."""
        remaining = outcome.stopped.remaining if outcome.stopped else total - outcome.total
        return {
            **self.summary.to_dict(),
            "skipped": [
                {"input": event.item, **({"output": event.outputs[0]} if event.outputs else {})}
                for event in outcome.skipped
            ],
            "failed": [{"input": event.item, "error": event.error} for event in outcome.failures.values()],
            "left": remaining,
            **({"partial": list(outcome.stopped.outputs)} if outcome.stopped else {}),
        }

    def end(self) -> None:
        """Show the summary, the failures and the final sentence of the run.

        Raises:
            InterruptedRunError: the user or the system has stopped the run.
            SomeInputsFailedError: some inputs failed; of a single input its own error.
        """
        if self._whole.get("output") and not self.as_json:
            put(spelled(self._whole["output"]))
        if not self.as_json and self.table:
            for table in self.summary.tables():
                put_table(table.columns, table.rows, title=table.title)
            for sentence in self.summary.sentences() if not self.quiet else ():
                say(sentence)
            put(spelled(self.table.path))
        if self._total > 1:
            show_failures(self.outcome.failures.values(), quiet=self.quiet)
            if not self.quiet:
                outcome = self.outcome
                skipped = f", {len(outcome.skipped)} were done before" if outcome.skipped else ""
                say(f"{self.title}: {outcome.finished} done{skipped}, {len(outcome.failures)} failed.")
        if self.signal_number:
            raise InterruptedRunError(self._stopped_sentence(), self.signal_number)
        if error := self.outcome.error():
            raise error

    def _stopped_sentence(self) -> str:
        stopped, sheet = self.outcome.stopped or Stopped(), self._whole.get("output")
        if not stopped.remaining and not stopped.outputs:
            return "stopped; everything was finished."
        sentence = f"stopped; {stopped.remaining} of {self._total} inputs are left."
        if sheet:
            sentence += f" What is done is in {spelled(sheet)}."
        elif stopped.outputs:
            more = f" and {len(stopped.outputs) - 1} more like it" if len(stopped.outputs) > 1 else ""
            sentence = f"stopped; the picture so far is in {stopped.outputs[0]}{more}."
        if stopped.resumable:
            outputs = (
                stopped.resumable
                if len(stopped.resumable) == 1
                else dict.fromkeys(str(Path(output).parent) for output in stopped.resumable)
            )
            sentence += f" Continue with `deepdream resume {shlex.join(outputs)}{self.resume_options}`."
        elif (self.table or self.can_continue) and stopped.remaining:
            sentence += " Continue with the same command and --skip-existing."
        return sentence


def dream_one(task: DreamTask, source: str, *, quiet: bool) -> dict[str, Any]:
    """Dream one picture with progress; gives its entry of the JSON. Raises what ``BatchOutput.run`` raises."""
    documents: list[dict[str, Any]] = []
    output = BatchOutput(
        Path(source).name,
        False,
        quiet,
        show=lambda event: documents.extend(map(dict, event.documents)),
        stop_note="",
    )
    output.run(task, [source])
    return documents[0]


def put_outputs(event: Finished) -> None:
    """The files of a finished item on stdout, a line each."""
    for output in event.outputs:
        put(spelled(output))


def show_failures(failures: Iterable[Failed], *, quiet: bool) -> None:
    """A table of failed inputs and reasons on stderr; nothing where none failed, or only one."""
    rows = [(spelled(event.item), event.error) for event in failures]
    if quiet or len(rows) < 2:
        return
    say_table(("failed input", "reason"), rows[:_LISTED])
    if len(rows) > _LISTED:
        say(f"... and {len(rows) - _LISTED} more.")


def results_folder(
    sources: Sequence[Path], output: Path | None, default: str, *, existing: Existing, as_json: bool
) -> Path | None:
    """The folder for the results of many pictures; None where only JSON is wanted.

    Raises:
        OutputError: it is a file, or holds pictures of this run.
        UsageError: a run without files cannot be continued.
    """
    if output is None and as_json:
        if existing is not Existing.REFUSE:
            raise UsageError(
                "--json without -o writes no files, so there is nothing to continue or to replace."
            )
        return None
    folder = output or Path(default)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file. Give a folder with -o.")
    if folder.resolve() in {source.parent.resolve() for source in sources}:
        raise OutputError(
            f"{folder} holds the pictures: next time the results would be among them. Choose another -o."
        )
    return folder
