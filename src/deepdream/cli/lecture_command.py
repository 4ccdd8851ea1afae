"""``deepdream lecture``: one command per lesson, in the order of the deck.

A lesson is a function of ``deepdream.lecture.course``. Here its options become those of a command, and its answer is
printed: text and tables on stdout, the numbers with ``--json``, the plot with ``-o``.
"""

from __future__ import annotations

import inspect
import itertools
import math
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import typer

from deepdream.batch.outputs import check_free
from deepdream.cli.groups import grouped, parameters_of, with_signature
from deepdream.cli.picture_options import DarkOption
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UsageError
from deepdream.images.formats import PLOT_SUFFIXES, moving_plot_suffixes
from deepdream.lecture.course import lessons, lessons_markdown
from deepdream.lecture.course.lesson import Lesson, LessonAnswer, Option

T = TypeVar("T")


@dataclass(frozen=True)
class LectureOutput:
    """The options that every lesson has."""

    seed: Annotated[
        int, typer.Option("--seed", help="Random seed. The same seed gives the same numbers.")
    ] = 0
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
        """Refuse a plot that could not be written, before the work. Raises UsageError, OutputError."""
        if self.out is not None:
            known = (*PLOT_SUFFIXES, *moving_plot_suffixes())
            if self.out.suffix.lower() not in known:
                raise UsageError(
                    f"Cannot tell from {self.out.name!r} what to draw: end it in {', '.join(known)}."
                )
            check_free(self.out, overwrite=self.overwrite)

    def show(self, lesson: Lesson, answer: LessonAnswer) -> None:
        """Print the text and tables, or the numbers as JSON; draw the plot into its file."""
        # Remarks go to stderr, so that a pipe gets the numbers only.
        for remark in answer.remarks:
            say(remark)
        if self.as_json:
            extra = {"notes": lesson.notes, "slide": lesson.slide} if self.notes else {}
            put_json({"schema": 1, "lesson": lesson.name, **_finite(answer.numbers), **extra})
        else:
            if answer.live is not None and sys.stdout.isatty():
                # Texts that replace each other, ten in a second.
                from rich.live import Live
                from rich.text import Text

                pictures = answer.live()
                # Refreshed by hand: every picture is to be seen, for as long as the next one takes.
                with Live(auto_refresh=False) as live:
                    for picture in pictures:
                        live.update(Text(picture), refresh=True)
                        time.sleep(0.1)
            elif answer.text:
                _put_text(answer.text)
            for table in answer.tables:
                put(f"\n{table.title}" if table.title else "")
                put_table(table.columns, table.rows)
                if answer.pause and sys.stdin.isatty():
                    say("Press Enter for the next part.")
                    sys.stdin.readline()
            if answer.closing:
                _put_text(f"\n{answer.closing}")
            if self.notes:
                _put_text(f"\nTo say: {lesson.notes}")
                if lesson.slide:
                    _put_text(f"\nOn the slide: {lesson.slide}")
        if self.out is not None:
            _draw(lesson, answer, self.out, dark=self.dark)


def _finite(numbers: Any) -> Any:
    """The same with None for infinities and NaN, which JSON does not have: the loss of a descent that diverged."""
    if isinstance(numbers, Mapping):
        return {key: _finite(value) for key, value in numbers.items()}
    if isinstance(numbers, (list, tuple)):
        return [_finite(value) for value in numbers]
    return None if isinstance(numbers, float) and not math.isfinite(numbers) else numbers


def _put_text(text: str) -> None:
    """In a terminal, lines break between words; a pipe gets them whole."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        text = "\n".join(textwrap.fill(line, width, replace_whitespace=False) for line in text.splitlines())
    put(text)


def _draw(lesson: Lesson, answer: LessonAnswer, out: Path, *, dark: bool) -> None:
    if answer.plot is None:
        raise UsageError(f"The lesson '{lesson.name}' draws nothing with these options; leave out -o.")
    from deepdream.figures import Animation, Figure, Theme

    figure = answer.plot(Theme.DARK if dark else Theme.LIGHT)
    if isinstance(figure, Figure) and out.suffix.lower() in moving_plot_suffixes():
        figure = Animation(
            figure, lambda _: None, 1
        )  # one frame: every lesson can be written in every format
    figure.save(out)
    say(f"{out}: {figure.caption}")


def progress_bar(steps: Iterable[T], *, total: int, title: str) -> Iterator[T]:
    """The same steps, with a bar on stderr; nothing is shown if stderr is not a terminal."""
    # Rich is imported here, so that `deepdream lecture --help` stays quick.
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return iter(
        track(steps, title, total=total, console=console, transient=True, disable=not console.is_terminal)
    )


def add_lesson(app: typer.Typer, lesson: Lesson) -> None:
    """Make ``lesson`` a command of ``app``, with its own options and those of :class:`LectureOutput`."""
    parameters = parameters_of(lesson.run)
    typed = {name: one for name, one in parameters.items() if get_origin(one.annotation) is Annotated}
    options = {name: _option_of(name, one.annotation) for name, one in typed.items()}
    outputs = [name for name, option in options.items() if option.writes]

    def run(output: LectureOutput, **values: Any) -> None:
        for name, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise UsageError(f"--{name.replace('_', '-')} must be a finite number; got {value}.")
        # Before the work: a lesson can take a minute, and its file would be refused at the end.
        for name in outputs:
            check_free(values[name], overwrite=output.overwrite)
        output.check()
        # A lesson takes of these what it has a parameter for.
        given = {"seed": output.seed, "dark": output.dark, "progress": progress_bar}
        common = {name: value for name, value in given.items() if name in parameters}
        output.show(lesson, lesson.run(**values, **common))

    own = [
        one.replace(annotation=_for_typer(name, get_args(one.annotation)[0], options[name]))
        for name, one in typed.items()
    ]
    help_text = f"{lesson.line}\n\n{inspect.getdoc(lesson.run) or ''}".strip()
    app.command(lesson.name, help=help_text)(grouped(with_signature(run, own, output=LectureOutput)))


def _option_of(name: str, annotation: Any) -> Option:
    option = get_args(annotation)[1]
    if not isinstance(option, Option):
        raise TypeError(f"The option {name!r} of a lesson is described by {option!r}, not by an Option.")
    return option


def _for_typer(name: str, kind: Any, option: Option) -> Any:
    """The annotation with which Typer reads ``option``."""
    if option.positional:
        return Annotated[kind, typer.Argument(help=option.help, metavar=option.metavar, show_default=False)]
    flags = [flag for flag in (option.short, option.flag or f"--{name.replace('_', '-')}") if flag]
    return Annotated[
        kind,
        typer.Option(*flags, help=option.help, min=option.min, max=option.max, metavar=option.metavar),
    ]


def lecture_app() -> typer.Typer:
    """The group of commands, one for each lesson that is registered now."""
    app = typer.Typer(
        name="lecture",
        help="Run a lesson of the lecture. Without a lesson, list all of them.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_list)
    for lesson in lessons():
        add_lesson(app, lesson)
    return app


def _list(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Print all lessons with their notes as one page of Markdown.")
    ] = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    if page:
        put(lessons_markdown())
    elif as_json:
        rows = [{"name": lesson.name, "part": lesson.part, "line": lesson.line} for lesson in lessons()]
        put_json({"schema": 1, "lessons": rows})
    else:
        for part, members in itertools.groupby(lessons(), key=lambda lesson: lesson.part):
            put("\n".join([part, *map(_line, members), ""]))
        say("Each lesson takes --help, --notes (what to say), --json, and -o FILE for the plot.")


def _line(lesson: Lesson) -> str:
    """Name and line in 80 columns; below a long name, the line begins a new one."""
    start = f"  {lesson.name:16}" if len(lesson.name) < 16 else f"  {lesson.name}\n{'':18}"
    return start + textwrap.fill(lesson.line, 61, subsequent_indent=" " * 18)


def register(parent: typer.Typer) -> None:
    """Add the lessons to ``parent`` as one group."""
    parent.add_typer(lecture_app(), name="lecture")
