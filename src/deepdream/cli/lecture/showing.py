"""How every lesson meets the person: text and tables on stdout, numbers with --json, a plot with -o."""

from __future__ import annotations

import importlib
import inspect
import math
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.fed_picture import DarkOption
from deepdream.cli.groups import grouped, parameters_of, with_signature
from deepdream.cli.input_output_files import check_free
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UsageError
from deepdream.lecture.lessons import Lesson, find_lesson

if TYPE_CHECKING:
    from deepdream.figures import Animation, Figure, Theme


@dataclass(frozen=True)
class TextTable:
    """A table to print."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str = ""


@dataclass(frozen=True)
class LessonAnswer:
    """What a lesson gives.

    Attributes:
        numbers: what ``--json`` prints.
        text: what is said before the tables.
        tables: printed after the text.
        plot: draws the plot in a theme; called only if a file is wanted.
        closing: what is said after the tables: what to see in them.
    """

    numbers: Mapping[str, Any]
    text: str = ""
    tables: Sequence[TextTable] = ()
    plot: Callable[[Theme], Figure | Animation] | None = field(default=None, repr=False)
    closing: str = ""


Seed = Annotated[
    int, typer.Option("--seed", help="Where randomness starts; the same seed, the same numbers.")
]
Data = Annotated[
    str,
    typer.Option(
        "--data", help="A data set by name, or a CSV file with one header line.", metavar="NAME|CSV"
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", help="CSV: the column to predict (default: the last).")
]
SUFFIXES = (".png", ".svg", ".pdf", ".gif", ".webp")


@dataclass(frozen=True)
class LectureOutput:
    """The options that every lesson has."""

    seed: Seed = 0
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", "--out", help="Draw the plot into this file.", show_default=False),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False
    notes: Annotated[
        bool, typer.Option("--notes", help="Print what to say, and what is wrong on the slide.")
    ] = False
    dark: DarkOption = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False

    def check(self) -> None:
        """Before the work: can this be written? Raises UsageError, OutputError."""
        if self.out is not None:
            if self.out.suffix.lower() not in SUFFIXES:
                raise UsageError(
                    f"Cannot tell from {self.out.name!r} what to draw: end it in {', '.join(SUFFIXES)}."
                )
            check_free(self.out, overwrite=self.overwrite)

    def show(self, lesson: Lesson, answer: LessonAnswer) -> None:
        """The text and tables, or the numbers as JSON; the plot into its file."""
        if self.as_json:
            extra = {"notes": lesson.notes, "slide": lesson.slide} if self.notes else {}
            put_json({"schema": 1, "lesson": lesson.name, **_finite(answer.numbers), **extra})
        else:
            _print(answer)
            if self.notes:
                _put_text(f"\nTo say: {lesson.notes}")
                if lesson.slide:
                    _put_text(f"\nOn the slide: {lesson.slide}")
        if self.out is not None:
            _draw(lesson, answer, self.out, dark=self.dark)


def plots(part: str) -> Any:
    """The plot functions of ``deepdream.lecture.plots.PART``: loaded when a plot is wanted, not before."""
    return importlib.import_module(f"deepdream.lecture.plots.{part}_plots")


def add_lesson(app: typer.Typer, name: str, command: Callable[..., LessonAnswer]) -> None:
    """Make ``command`` the command ``name`` of ``app``; help and notes come from the lessons' registry.

    ``command`` declares only its own options; a parameter named like one of the common
    options (``seed``, ``dark``, ``overwrite``) is given its value.
    """
    lesson = find_lesson(name)
    own = parameters_of(command)
    common = {entry.name for entry in fields(LectureOutput)} & set(own)

    def run(showing: LectureOutput, **given: Any) -> None:
        _check_numbers(given)
        showing.check()
        showing.show(lesson, command(**given, **{key: getattr(showing, key) for key in common}))

    mine = [parameter for key, parameter in own.items() if key not in common]
    whole = with_signature(run, mine, showing=LectureOutput)
    app.command(name, help=f"{lesson.line}\n\n{inspect.getdoc(command) or ''}".strip())(grouped(whole))


def _finite(numbers: Any) -> Any:
    """The same with None for every infinity and NaN, which JSON does not know: a descent that exploded, say."""
    if isinstance(numbers, Mapping):
        return {key: _finite(value) for key, value in numbers.items()}
    if isinstance(numbers, (list, tuple)):
        return [_finite(value) for value in numbers]
    return None if isinstance(numbers, float) and not math.isfinite(numbers) else numbers


def _print(answer: LessonAnswer) -> None:
    if answer.text:
        _put_text(answer.text)
    for grid in answer.tables:
        put_grid(grid)
    if answer.closing:
        _put_text(f"\n{answer.closing}")


def _put_text(text: str) -> None:
    """In a terminal, lines break between words."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        text = "\n".join(textwrap.fill(line, width, replace_whitespace=False) for line in text.splitlines())
    put(text)


def put_grid(grid: TextTable) -> None:
    """A table on stdout, after an empty line and its title."""
    put(f"\n{grid.title}" if grid.title else "")
    put_table(grid.columns, grid.rows)


def _draw(lesson: Lesson, answer: LessonAnswer, out: Path, *, dark: bool) -> None:
    if answer.plot is None:
        raise UsageError(f"The lesson '{lesson.name}' draws nothing with these options; leave out -o.")
    from deepdream.figures import Animation, Figure, Theme

    figure = answer.plot(Theme.DARK if dark else Theme.LIGHT)
    if isinstance(figure, Figure) and out.suffix.lower() in (".gif", ".webp"):
        figure = Animation(figure, lambda _: None, 1)  # it does not move, and can be asked for all the same
    figure.save(out)
    say(f"{out}: {figure.caption}")


def _check_numbers(given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"--{key.replace('_', '-')} must be a finite number; got {value}.")
