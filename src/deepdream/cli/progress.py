"""Progress of a dream on stderr: a live bar in a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deepdream.cli.terminal import duration, say

if TYPE_CHECKING:
    from deepdream.dreaming import Step


#: Seconds after which plain lines say again where things are.
_SILENT = 60.0


@contextmanager
def dream_progress(title: str, *, quiet: bool) -> Iterator[Callable[[Step], None]]:
    """Yield a function that shows each step: octave, step, activation and the time left."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(title) as show:
            yield show
    else:
        yield _plain(title)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[Step], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.fields[where]}"),
        TextColumn("activation {task.fields[score]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(_short(title).replace("[", r"\["), total=None, where="", score="-")

        def show(step: Step) -> None:
            where = f"octave {step.octave}/{len(step.state.octaves)} step {step.state.step}/{step.state.size.steps}"
            progress.update(
                task, completed=step.number, total=step.total, where=where, score=f"{step.score:.4g}"
            )

        yield show


@contextmanager
def count_progress(title: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows (done, total), with the time left.

    Elsewhere than in a terminal plain lines at every tenth, and once a minute.
    """
    if quiet:
        yield lambda _, __: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        # Lines on stdout that go elsewhere must not be drawn into the terminal with the bar.
        console, redirect = Console(stderr=True), sys.stdout.isatty()
        with Progress(console=console, transient=True, redirect_stdout=redirect) as progress:
            task = progress.add_task(title.replace("[", r"\["), total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
    else:
        yield _plain_count(title)


def _plain_count(title: str) -> Callable[[int, int], None]:
    began, told = time.monotonic(), -1
    spoken = began

    def show(done: int, total: int) -> None:
        nonlocal told, spoken
        now = time.monotonic()
        if (tenth := 10 * done // max(total, 1)) > told or now - spoken > _SILENT:
            told, spoken = tenth, now
            left = (now - began) / max(done, 1) * (total - done)
            say(f"{title}: {done} of {total}, {duration(left)} left")

    return show


@contextmanager
def stage_progress(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows (what is being done, steps done, of how many).

    A bar with the time spent in a terminal; elsewhere a line whenever a tenth is done or another kind of thing begins.
    """
    if not sys.stderr.isatty():
        yield _plain_stages(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(_short(title).replace("[", r"\["), total=None, what="")

        def show(what: str, done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, what=what)

        yield show


def _plain_stages(title: str) -> Callable[[str, int, int], None]:
    began, told, kind = time.monotonic(), -1, ""

    def show(what: str, done: int, total: int) -> None:
        nonlocal told, kind
        tenth, begins = 10 * done // max(total, 1), what.split(" of ")[0]
        if tenth > told or begins != kind:
            told, kind = tenth, begins
            say(f"{title}: step {done + 1} of {total} after {time.monotonic() - began:.0f} s, {what}")

    return show


def _short(title: str, most: int = 18) -> str:
    """``title`` with its middle left out, so that the whole bar fits into 80 columns."""
    return title if len(title) <= most else f"{title[: most - 9]}…{title[-8:]}"


def _plain(title: str) -> Callable[[Step], None]:
    began = time.monotonic()

    def show(step: Step) -> None:
        if step.state.step == step.state.size.steps:
            spent = time.monotonic() - began
            left = spent / step.number * (step.total - step.number)
            say(f"{title}: {_where(step)}, activation {step.score:.4g}, {left:.0f} s left")

    return show


def _where(step: Step) -> str:
    size = step.state.size
    octaves = len(step.state.octaves)
    return f"octave {step.octave}/{octaves} ({size.width}x{size.height}) step {step.state.step}/{size.steps}"
