"""``deepdream lecture``: one command per lesson, in the order of the deck."""

from __future__ import annotations

from typing import Annotated

import typer

from deepdream.cli.lecture import decisions, networks, neurons, playing, spaces, training, words
from deepdream.cli.terminal import put_json, put_table, say
from deepdream.lecture.lessons import lessons

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
        put_json([{"name": lesson.name, "line": lesson.line} for lesson in lessons()])
        return
    put_table(("lesson", "what it shows"), [(lesson.name, lesson.line) for lesson in lessons()])
    say("Each takes --help, --notes (what to say), --json, and -o FILE for the plot.")


def register(parent: typer.Typer) -> None:
    """Add the lessons to ``parent`` as one group."""
    parent.add_typer(app, name="lecture")
