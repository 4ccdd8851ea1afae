"""The command ``objectives``: every kind of term that an objective can have."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.options import JsonOption
from deepdream.cli.terminal import put, put_json
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.ascent.objectives import Kind


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(objectives)


def objectives(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a table, as in docs/objectives.md.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the objectives: the kinds of terms that --objective adds up, and that a dream then maximizes.

    Example: deepdream objectives
    """
    from deepdream.ascent.objectives import KINDS

    if markdown and json:
        raise UsageError("Give --markdown or --json, not both.")
    entries = [_entry(kind) for kind in KINDS.values()]
    if json:
        put_json({"schema": 1, "objectives": entries})
        return
    if markdown:
        put("| objective | gives | in tiles, under masks | usually |\n|---|---|---|---|")
    for entry in entries:
        if markdown:
            local = "yes" if entry["local"] else "no"
            usually = "subtracted" if entry["penalty"] else "added"
            summary = entry["summary"].replace("``", "`")
            put(f"| `{entry['signature']}` | {summary} | {local} | {usually} |")
        else:
            put(entry["signature"])
            put(
                textwrap.fill(
                    entry["summary"].replace("``", ""), 100, initial_indent="    ", subsequent_indent="    "
                )
            )
    if not markdown:
        put("masked(objective, mask[, feather])\n    The objective, counted only where the mask is bright.")


def _entry(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "signature": kind.signature,
        "summary": kind.summary,
        "local": kind.spread != "whole",
        "penalty": kind.penalty,
    }
