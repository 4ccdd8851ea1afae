"""``deepdream lecture``: one command per lesson, in the order of the deck."""

from __future__ import annotations

import itertools
import textwrap
from typing import Annotated

import typer

from deepdream.cli.lecture import decisions, networks, neurons, playing, spaces, training, words
from deepdream.cli.terminal import put, put_json, say
from deepdream.lecture.lessons import Lesson, lessons

app = typer.Typer(
    name="lecture",
    help="The lecture, live: one command per lesson. Without a lesson, the list of all.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for part in (neurons, networks, training, playing, spaces, decisions, words):
    part.register(app)


@app.callback(invoke_without_command=True)
def _list(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    if as_json:
        rows = [{"name": lesson.name, "part": lesson.part, "line": lesson.line} for lesson in lessons()]
        put_json({"schema": 1, "lessons": rows})
        return
    for part, members in itertools.groupby(lessons(), key=lambda lesson: lesson.part):
        put("\n".join([part, *map(_line, members), ""]))
    say("Each takes --help, --notes (what to say), --json, and -o FILE for the plot.")


def _line(lesson: Lesson) -> str:
    """Name and line in 80 columns; below a long name, the line begins a new one."""
    start = f"  {lesson.name:16}" if len(lesson.name) < 16 else f"  {lesson.name}\n{'':18}"
    return start + textwrap.fill(lesson.line, 61, subsequent_indent=" " * 18)


def register(parent: typer.Typer) -> None:
    """Add the lessons to ``parent`` as one group."""
    parent.add_typer(app, name="lecture")
