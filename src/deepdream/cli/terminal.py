"""What the terminal sees: data on stdout, everything else on stderr.

Rich is imported where it is used, so that ``deepdream --help`` stays fast.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def say(message: str) -> None:
    """A message for the person, on stderr."""
    print(message, file=sys.stderr, flush=True)


def put(line: str) -> None:
    """A line of data, on stdout: what a pipe wants to read."""
    print(line, flush=True)


def put_json(value: Any) -> None:
    """One JSON document on stdout (UTF-8, no NaN)."""
    print(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False), flush=True)


def put_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """A table on stdout; numbers are right-aligned. Full lines when stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, box=None, header_style="bold", title_justify="left", pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], (int, float)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("[", r"\[")
