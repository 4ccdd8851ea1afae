"""Progress on stderr, on Rich: a live bar in a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from deepdream.batch.events import Event, Failed, Finished, Skipped, Started, Stepped
from deepdream.cli.terminal import duration, say

if TYPE_CHECKING:
    from rich.progress import Progress

    from deepdream.dreaming import Step

#: Seconds after which plain lines say again where things are.
_SILENT = 60.0
_ENDS_AN_ITEM = (Finished, Failed, Skipped)


class BatchProgress:
    """Shows the events of a run; a context manager.

    In a terminal a bar for the items and, below it, one for the steps of the current item. Elsewhere a line at every
    tenth of the items, and for a single item a line at the end of each stage.
    """

    def __init__(self, title: str, *, total: int, quiet: bool) -> None:
        self._title, self._total = title, total
        self._done, self._spoken_tenth = 0, -1
        self._began = self._spoken = time.monotonic()
        self._bars = None if quiet or not sys.stderr.isatty() else _Bars(title, total)
        self._plain = not quiet and self._bars is None
        self._stack = ExitStack()

    def __enter__(self) -> BatchProgress:
        if self._bars:
            self._stack.enter_context(self._bars.progress)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def note(self, event: Event) -> None:
        """One more event."""
        if isinstance(event, _ENDS_AN_ITEM):
            self._done += 1
        if self._bars:
            self._bars.note(event, self._done)
        elif self._plain and isinstance(event, Stepped):
            self._say_stage(event)
        elif self._plain and isinstance(event, _ENDS_AN_ITEM) and self._total > 1:
            now, tenth = time.monotonic(), 10 * self._done // max(self._total, 1)
            if tenth > self._spoken_tenth or now - self._spoken > _SILENT:
                self._spoken_tenth, self._spoken = tenth, now
                remaining = (now - self._began) / max(self._done, 1) * (self._total - self._done)
                say(f"{self._title}: {self._done} of {self._total}, {duration(remaining)} left")

    def _say_stage(self, event: Stepped) -> None:
        # Among many items only long ones report their stages, so that the log stays short.
        if not event.ends_stage or (self._total > 1 and time.monotonic() - self._spoken < _SILENT):
            return
        self._spoken = time.monotonic()
        words = event.stage
        if event.score is not None:
            words += f", activation {event.score:.4g}"
        if event.total and event.number:
            remaining = (time.monotonic() - self._began) / event.number * (event.total - event.number)
            words += f", {duration(remaining)} left"
        say(f"{self._title}: {words}")


class _Bars:
    """The live bars of a terminal."""

    def __init__(self, title: str, total: int) -> None:
        self.progress = _live_progress()
        self._items = self.progress.add_task(_short(title), total=total, stage="") if total > 1 else None
        self._steps = self.progress.add_task(_short(title), total=None, stage="")

    def note(self, event: Event, done: int) -> None:
        if self._items is not None:
            self.progress.update(self._items, completed=done, stage=f"{done} done")
        if isinstance(event, Started):
            self.progress.reset(self._steps, total=None, description=_short(event.item), stage="")
        if isinstance(event, Stepped):
            score = "" if event.score is None else f" activation {event.score:.4g}"
            stage = re.sub(
                r" \(\d+x\d+\)", "", event.stage
            )  # the sizes leave no room for the bar in 80 columns
            self.progress.update(
                self._steps,
                completed=event.number,
                total=event.total or None,
                stage=_escaped(stage) + score,
            )


def _live_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.fields[stage]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    # Lines on stdout that go into a file must not be drawn into the terminal with the bar.
    return Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    )


@contextmanager
def count_progress(title: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows (done, total) of work that is not a run over inputs."""
    with BatchProgress(title, total=1, quiet=quiet) as progress:

        def show(done: int, total: int) -> None:
            tenth = (10 * done) // max(total, 1) > (10 * (done - 1)) // max(total, 1)
            progress.note(Stepped(number=done, total=total, stage=f"{done} of {total}", ends_stage=tenth))

        yield show


def _short(title: str, longest: int = 18) -> str:
    """``title`` with its middle left out, so that the whole bar fits into 80 columns."""
    return _escaped(title if len(title) <= longest else f"{title[: longest - 9]}…{title[-8:]}")


def _escaped(text: Any) -> str:
    """Text whose square brackets Rich does not take for styles."""
    return str(text).replace("[", r"\[")


@contextmanager
def dream_progress(title: str, *, quiet: bool) -> Iterator[Callable[[Step], None]]:
    """Yield a function that shows each step of a dream that is not part of a run over inputs."""
    from deepdream.batch.dream_events import stepped

    with BatchProgress(title, total=1, quiet=quiet) as progress:
        yield lambda step: progress.note(stepped(title, step))


class DownloadLine:
    """Draws a download's progress on stderr: one changing line on a terminal, else a line per tenth."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tenth = -1

    def __call__(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes (None: unknown) are here."""
        share = int(10 * done / total) if total else done // (10 << 20)
        text = f"{self.name}: {done / 2**20:.1f}" + (f" of {total / 2**20:.1f} MB" if total else " MB")
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text}" + ("\n" if done == total else ""))
            sys.stderr.flush()
        elif share != self.tenth:
            self.tenth = share
            say(text)
