"""What a lesson is: a function with its place in the deck, its notes, and an answer to print and to draw.

A lesson is written once, with the decorator :func:`lesson`. The command line, the list of lessons, the notes and the
page of the course read it from there.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.figures import Animation, Figure, Theme

__all__ = [
    "LESSONS",
    "PARTS",
    "Argument",
    "Data",
    "Lesson",
    "LessonAnswer",
    "Option",
    "Progress",
    "Target",
    "TextTable",
    "lesson",
    "numbers_of",
    "plots",
    "without_progress",
]

T = TypeVar("T")

#: The parts of the deck, and the place where each begins.
PARTS = {
    "Recap: learning, loss, distance": 1,
    "The neuron and the perceptron": 13,
    "Networks of neurons": 27,
    "Training": 38,
    "Transparency and accountability": 54,
    "Feature space": 67,
}


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
        numbers: the results, JSON-able.
        text: printed before the tables.
        tables: printed after the text.
        closing: printed after the tables: what to see in them.
        plot: draws the plot in a theme; called only if a plot is needed.
        remarks: messages beside the answer, such as which file was written.
        pause: whether a terminal waits for Enter after each table.
        live: texts that replace each other in a terminal, before the rest is printed.
    """

    numbers: Mapping[str, Any]
    text: str = ""
    tables: Sequence[TextTable] = ()
    closing: str = ""
    plot: Callable[[Theme], Figure | Animation] | None = field(default=None, repr=False)
    remarks: Sequence[str] = ()
    pause: bool = False
    live: Callable[[], Iterator[str]] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Option:
    """An option of a lesson, as the command line shows it; the annotation of a parameter.

    Attributes:
        help: one full sentence.
        flag: the name on the command line, if it is not that of the parameter.
        short: one letter, such as ``-k``.
        min, max: the smallest and the largest value.
        metavar: stands for the value in the help text.
        positional: given without a flag.
        writes: the value is a file to write, which may exist only with ``--overwrite``.
    """

    help: str
    flag: str = ""
    short: str = ""
    min: float | None = None
    max: float | None = None
    metavar: str | None = None
    positional: bool = False
    writes: bool = False


def Argument(help: str, *, metavar: str | None = None) -> Option:  # noqa: N802  # reads as Option does
    """An option that is given by its position."""
    return Option(help, metavar=metavar, positional=True)


Data = Annotated[str, Option("A data set by name, or a CSV file with one header line.", metavar="NAME|CSV")]
Target = Annotated[str | None, Option("CSV: the column to predict. The default is the last one.")]


class Progress(Protocol):
    """Gives the same steps and may show how many are done. A lesson that takes long has a parameter of this type."""

    def __call__(self, steps: Iterable[T], *, total: int, title: str) -> Iterator[T]:
        """``steps``, of which there are ``total``; ``title`` says what they do."""


def without_progress(steps: Iterable[T], *, total: int, title: str) -> Iterator[T]:  # noqa: ARG001
    """The same steps; nothing is shown."""
    return iter(steps)


@dataclass(frozen=True)
class Lesson:
    """One concept of the deck.

    Attributes:
        name: of the command, ``deepdream lecture NAME``.
        line: what it shows, in one line.
        place: where in the deck, a number to sort by (the rows of the deck, counted from its start).
        run: the function itself; its parameters are the options of the command.
        notes: what the lecturer may say.
        slide: what is wrong or loose on the slide, and what is right; empty if nothing.
    """

    name: str
    line: str
    place: float
    run: Callable[..., LessonAnswer]
    notes: str
    slide: str = ""

    @property
    def part(self) -> str:
        """The part of the deck that it belongs to, of :data:`PARTS`."""
        return [part for part, start in PARTS.items() if start <= self.place][-1]


#: Every lesson that was imported, by its name.
LESSONS: dict[str, Lesson] = {}

Run = TypeVar("Run", bound=Callable[..., LessonAnswer])


def lesson(name: str, line: str, *, place: float, notes: str, slide: str = "") -> Callable[[Run], Run]:
    """Decorate a function as the lesson ``name``. ``Lesson`` describes the other arguments.

    The function returns a :class:`LessonAnswer`. A parameter with an :class:`Option` becomes an option of the
    command. ``seed``, ``dark`` and ``progress`` need no option: the command line gives them to the lessons that have
    such a parameter.

    >>> @lesson("half", "Half of a number.", place=99, notes="Say how much is left.")
    ... def half(of: Annotated[float, Option("A number.")] = 1.0) -> LessonAnswer:
    ...     return LessonAnswer({"half": of / 2})
    >>> LESSONS.pop("half").run(of=3.0).numbers  # popped, so that the list of lessons stays that of the deck
    {'half': 1.5}
    """

    def register(run: Run) -> Run:
        # Registered by name: importing a file twice (as a reload does) replaces its lessons.
        LESSONS[name] = Lesson(name, line, place, run, notes, slide)
        return run

    return register


def plots(part: str) -> Any:
    """The plot functions of ``deepdream.lecture.plots.PART_plots``, loaded when a plot is needed and not before."""
    # matplotlib is slow to load, and a lesson that only prints does not need it.
    return importlib.import_module(f"deepdream.lecture.plots.{part}_plots")


def numbers_of(text: str, option: str) -> list[float]:
    """``"1,2.5"`` as [1.0, 2.5]. Raises UsageError.

    >>> numbers_of("1, 2.5", "--x")
    [1.0, 2.5]
    """
    try:
        numbers = [float(part) for part in text.replace(" ", ",").split(",") if part]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise UsageError(f"{option} wants numbers with commas between, as in 1,0,1; not {text!r}.")
    return numbers
