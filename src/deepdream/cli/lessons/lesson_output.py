"""How every lesson meets the person: the answer and tables on stdout, numbers with --json, a figure with -o."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.outputs import check_free
from deepdream.cli.groups import grouped, parameters_of, with_signature
from deepdream.cli.options import JsonOption, Quiet
from deepdream.cli.picture_options import DarkOption, OverwriteOption
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UsageError
from deepdream.images.formats import PLOT_SUFFIXES, moving_plot_suffixes

if TYPE_CHECKING:
    from deepdream.images import Picture
    from deepdream.lessons import Exhibit

FigureOption = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", "--out", help="Draw the figure into this file: PNG, SVG or PDF.", show_default=False
    ),
]
NotesOption = Annotated[bool, typer.Option("--notes", help="Print the lecturer's notes and the caveat.")]
DecidedBy = Annotated[
    str, typer.Option("--decided-by", help="The person who is responsible. The record contains the name.")
]


@dataclass(frozen=True)
class LessonOutput:
    """How a lesson's answer is to be shown."""

    output: FigureOption = None
    as_json: JsonOption = False
    notes: NotesOption = False
    dark: DarkOption = False
    overwrite: OverwriteOption = False
    quiet: Quiet = False

    def check(self, *, moves: bool) -> None:
        """Before the work: can this be written? Raises UsageError, OutputError."""
        if self.output is None:
            return
        known = (*PLOT_SUFFIXES, *moving_plot_suffixes()) if moves else PLOT_SUFFIXES
        if self.output.suffix.lower() not in known:
            raise UsageError(
                f"Cannot tell from {self.output.name!r} what to draw: end it in {', '.join(known)}."
            )
        check_free(self.output, overwrite=self.overwrite)

    def show(self, exhibit: Exhibit) -> None:
        """The answer, or everything as JSON; the figure into its file."""
        if self.as_json:
            put_json(exhibit.to_dict() | ({"notes": exhibit.notes} if self.notes else {}))
        else:
            put(exhibit.answer)
            for grid in exhibit.tables:
                put_table(grid.columns, grid.rows, title=f"\n{grid.title}")
            if self.notes:
                put(f"\nTo say: {exhibit.notes}")
        if self.output is not None:
            caption = _draw(exhibit, self.output, dark=self.dark)
            if not self.quiet:
                say(f"{self.output}: {caption}")


def add_lesson(app: typer.Typer, name: str, command: Callable[..., Exhibit], *, moves: bool = False) -> None:
    """Make ``command``, which gives an exhibit, the command ``name`` of ``app``.

    It declares its own options, and ``tell`` to be given somebody who listens; all have those of ``LessonOutput``.
    """
    own = parameters_of(command, Exhibit=Any, Tell=Any)  # their room imports torch, and --help should not
    reports_progress = own.pop("tell", None) is not None

    def run(showing: LessonOutput, **given: Any) -> None:
        showing.check(moves=moves)
        if reports_progress:
            given["tell"] = _silence if showing.quiet else say
        showing.show(command(**given))

    whole = with_signature(run, own.values(), showing=LessonOutput)
    app.command(name, help=inspect.getdoc(command))(grouped(whole))


def _silence(_: str) -> None:
    """Report no progress."""


def _draw(exhibit: Exhibit, output: Path, *, dark: bool) -> str:
    """Write the figure; its caption comes back."""
    from deepdream.figures import Theme

    theme = Theme.DARK if dark else Theme.LIGHT
    moving = output.suffix.lower() in moving_plot_suffixes() and exhibit.move is not None
    figure = exhibit.move(theme) if moving and exhibit.move is not None else exhibit.draw(theme)
    figure.save(output)
    return figure.caption


def read(image: Path) -> Picture:
    """The picture of a command. Raises PictureError."""
    from deepdream.images import read_picture

    return read_picture(image)
