"""Who answers for it: ``accountability`` and ``record``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.cli.lessons.lesson_output import DecidedBy, add_lesson
from deepdream.cli.options import JsonOption
from deepdream.cli.picture_options import SeedOption
from deepdream.cli.terminal import put_json, put_table, say

if TYPE_CHECKING:
    from deepdream.lessons import Exhibit


def accountability(
    *,
    at: Annotated[
        float | None, typer.Option("--at", help="The threshold that you choose.", show_default=False)
    ] = None,
    seed: SeedOption = 0,
    decided_by: DecidedBy = "",
) -> Exhibit:
    """Put a threshold on real scores: who chose it, whom the errors affect, and what a record must contain.

    The scores are cross-validated predictions for 569 tumors. `deepdream lecture threshold` takes your own data.

    Example: deepdream accountability --at 0.1 --decided-by "your name" -o accountability.png
    """
    from deepdream.lessons import accountability

    return accountability(at=at, decided_by=decided_by, seed=seed)


def record(
    output: Annotated[
        Path, typer.Argument(help="A dreamed picture, a report (.html, .json), a lesson's JSON.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show the audit trail of an output: weights, license, data, seed, versions, threshold, who decided.

    What the output does not contain is shown as missing.

    Examples: deepdream record outputs/dream.png | deepdream record report.html | deepdream record trace.json --json
    """
    from deepdream.lessons.audit_trail import QUESTIONS, audit

    trail = audit(output)
    if as_json:
        put_json(trail.to_dict())
        return
    rows = [(key, trail.known.get(key, "MISSING"), question) for key, question in QUESTIONS.items()]
    put_table(("what", "on record", "the auditor's question"), rows, title=f"{trail.name}: {trail.kind}")
    if trail.missing:
        say(f"Missing: {', '.join(trail.missing)}.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    add_lesson(app, "accountability", accountability)
    app.command()(record)
