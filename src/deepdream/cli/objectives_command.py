"""The command ``objectives``: everything that a dream can climb."""

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
    markdown: Annotated[bool, typer.Option("--markdown", help="A table, as in docs/objectives.md.")] = False,
    json: JsonOption = False,
) -> None:
    """List what a dream can climb: the kinds of terms that --objective adds up.

    Example: deepdream objectives
    """
    from deepdream.ascent.objectives import KINDS

    if markdown and json:
        raise UsageError("Give --markdown or --json, not both.")
    told = [_told(kind) for kind in KINDS.values()]
    if json:
        put_json({"schema": 1, "objectives": told})
        return
    if markdown:
        put("| objective | gives | in tiles, under masks | usually |\n|---|---|---|---|")
    for entry in told:
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


def _told(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "signature": kind.signature,
        "summary": kind.summary,
        "local": kind.spread != "whole",
        "penalty": kind.penalty,
    }
