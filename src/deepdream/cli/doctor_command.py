"""The command ``doctor``: is all well with this installation?"""

from __future__ import annotations

from typing import Any

import typer

from deepdream.cli.picture_options import JsonOption
from deepdream.cli.terminal import put_json, put_table, say, yes_or_number


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(doctor)


def doctor(as_json: JsonOption = False) -> None:
    """Check this installation: versions, devices, caches, and a self-test of the embedded network."""
    from deepdream.models.selftest import examine

    report = examine()
    if as_json:
        put_json({"schema": 1, **report})
    else:
        put_table(("what", "found"), _rows(report))
    if not report["ok"]:
        failed = [check["check"] for check in report["self_test"] if not check["ok"]]
        say(f"deepdream: the self-test failed: {', '.join(failed)}.")
        raise typer.Exit(1)


def _rows(report: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """A nested report as (name, value) rows; the names of nested values have their parents before them."""
    rows: list[tuple[str, object]] = []
    for key, value in report.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            rows += _rows(value, f"{name}: ")
        elif key == "self_test":
            rows += [
                (f"{name}: {check['check']}", f"{'good' if check['ok'] else 'FAILED'}, {check['found']}")
                for check in value
            ]
        elif isinstance(value, list):
            rows.append((name, ", ".join(map(str, value)) or None))
        else:
            rows.append((name, yes_or_number(value)))
    return rows
