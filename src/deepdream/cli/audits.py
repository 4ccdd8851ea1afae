"""Many pictures, one after the other: each has its rows in a table, its place in the JSON, and its own failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from deepdream.cli.input_output_files import Existing
from deepdream.cli.process import interruptible
from deepdream.cli.progress import count_progress
from deepdream.cli.result_table import ERROR, PICTURE, Row, Table
from deepdream.cli.terminal import JsonResults, put, say
from deepdream.errors import (
    DeepDreamError,
    InterruptedRunError,
    OutputError,
    PictureError,
    SomeInputsFailedError,
    UsageError,
)

_STOPPING = "deepdream: stopping after this picture; a second signal stops at once."


@dataclass(frozen=True)
class PictureResult:
    """What was found about one picture: rows of the table, entries of the JSON, and the file that was written."""

    rows: Sequence[Row]
    told: Sequence[dict[str, Any]]
    file: Path | None = None


class Summary(Protocol):
    """What is said of all pictures together."""

    def note(self, row: Row) -> None:
        """One more row, as values or as text out of a table."""

    def told(self) -> dict[str, Any]:
        """What the JSON holds besides the pictures."""

    def show(self, *, quiet: bool) -> None:
        """The same for people; what is no data is not said if ``quiet``."""


@dataclass
class ManyPictures:
    """A run over many pictures.

    Attributes:
        sources: The pictures, in their order.
        table: Where the rows go; None where only JSON is asked for.
        summary: What is said of all rows, those of an earlier run included.
    """

    sources: Sequence[Path]
    table: Table | None
    summary: Summary
    title: str
    as_json: bool
    quiet: bool
    failures: dict[Path, DeepDreamError] = field(default_factory=dict)
    explained: int = 0

    def run(self, answer: Callable[[Path], PictureResult]) -> None:
        """Ask ``answer`` about every picture that the table does not have yet.

        A picture that cannot be read, or to which the question does not apply, does not stop the others. The first
        SIGINT or SIGTERM lets the picture that is being looked at come to its end.

        Raises:
            InterruptedRunError: the user or the system has stopped the run.
            SomeInputsFailedError: some pictures failed; of a single one its own error.
            OutputError: something cannot be written, which the next picture would meet, too.
        """
        done = self.table.done if self.table else set()
        for row in self.table.rows() if self.table else ():
            self.summary.note(row)
        waiting = [source for source in self.sources if spelled(source) not in done]
        results = JsonResults() if self.as_json else None
        with (
            self.table or nullcontext(),
            interruptible(_STOPPING) as stop,
            results or nullcontext(),
            count_progress(self.title, quiet=self.quiet) as show,
        ):
            for number, source in enumerate(waiting, 1):
                self._ask(source, answer, results)
                show(number, len(waiting))
                if stop.number:
                    break
            if results is not None:
                results.close(**self._told(done))
        self._end(len(self.sources) - len(waiting), stop.number)

    def _told(self, done: set[str]) -> dict[str, Any]:
        """What the JSON holds besides the results."""
        skipped = [{"input": str(source)} for source in self.sources if spelled(source) in done]
        failed = [{"input": str(source), "error": str(error)} for source, error in self.failures.items()]
        left = len(self.sources) - len(skipped) - len(failed) - self.explained
        return {**self.summary.told(), "skipped": skipped, "failed": failed, "left": left}

    def _ask(
        self, source: Path, answer: Callable[[Path], PictureResult], results: JsonResults | None
    ) -> None:
        try:
            found = answer(source)
        except (PictureError, UsageError) as error:
            self.failures[source] = error
            if len(self.sources) > 1:
                say(f"deepdream: {spelled(source)}: {error}")
            if self.table:
                self.table.add([{PICTURE: spelled(source), ERROR: " ".join(str(error).split())}])
            return
        self.explained += 1
        if self.table:
            self.table.add([{PICTURE: spelled(source), **row} for row in found.rows])
        for row in found.rows:
            self.summary.note(row)
        for told in found.told:
            if results is not None:
                results.add(told)
        if found.file is not None and not self.as_json:
            put(spelled(found.file))

    def _end(self, skipped: int, signal_number: int) -> None:
        """Raises what the run ends with."""
        if not self.as_json and self.table:
            self.summary.show(quiet=self.quiet)
            put(spelled(self.table.path))
        if not self.quiet:
            words = [f"{self.explained} done", *([f"{skipped} were done before"] if skipped else [])]
            say(f"{self.title}: {', '.join(words)}, {len(self.failures)} failed.")
        left = len(self.sources) - skipped - self.explained - len(self.failures)
        if signal_number:
            again = " The same command with --skip-existing goes on." if self.table and left else ""
            raise InterruptedRunError(
                f"stopped; {left} of {len(self.sources)} pictures are left.{again}", signal_number
            )
        if self.failures:
            first, error = next(iter(self.failures.items()))
            if len(self.sources) == 1:
                raise error
            raise SomeInputsFailedError(
                f"{len(self.failures)} of {len(self.sources)} inputs failed: {spelled(first)} and so on, see above."
            )


def spelled(path: Path) -> str:
    """A path as text that can be written anywhere; bytes in it that are no text are spelled out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def folder_for(
    sources: Sequence[Path], wanted: Path | None, usual: str, *, existing: Existing, as_json: bool
) -> Path | None:
    """The folder that the answers go to; None where only JSON is asked for.

    Raises:
        OutputError: it is a file, or holds pictures that are asked about.
        UsageError: a run without files cannot go on.
    """
    if wanted is None and as_json:
        if existing is not Existing.REFUSE:
            raise UsageError(
                "--json without -o writes no files: there is nothing to go on with or to replace."
            )
        return None
    folder = wanted or Path(usual)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file. Give a folder with -o.")
    if folder.resolve() in {source.parent.resolve() for source in sources}:
        raise OutputError(
            f"{folder} holds the pictures: next time its answers would be among them. Choose another -o."
        )
    return folder
