"""What the terminal sees: data on stdout, everything else on stderr.

Rich is imported where it is used, so that ``deepdream --help`` stays fast.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from deepdream.errors import DeepDreamError


#: Of a table that no terminal shows.
WIDTH = 200


def say(message: str) -> None:
    """A message for the person, on stderr."""
    print(message, file=sys.stderr, flush=True)


def silent(_: str) -> None:
    """Print nothing."""


def put(line: str) -> None:
    """A line of data, on stdout: what a pipe wants to read."""
    print(line, flush=True)


_documents: list[bool] = []


def begin_output() -> None:
    """Forget what was put before: a new command begins in this process.

    A name that the encoding of an output does not have (a pipe on Windows, Latin-1) is escaped, and ends nothing.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _documents.clear()


def put_json_of_failure(error: DeepDreamError, words: Sequence[str]) -> None:
    """Where ``words`` ask for JSON and none was put, say there what went wrong, so that every pipe can parse it."""
    if "--json" in words and not _documents:
        put_json({"schema": 1, "error": str(error), "exit_code": error.exit_code})


def put_json(value: Any) -> None:
    """One JSON document on stdout (UTF-8, no NaN)."""
    _documents.append(True)
    print(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False), flush=True)


class JsonResults:
    """One JSON document on stdout whose ``results`` are put one by one, so that none is held; a context manager.

    However it ends, what was put is a whole document; it says with which error it ended.
    """

    def __init__(self) -> None:
        self._count, self._closed = 0, False

    def __enter__(self) -> JsonResults:
        _documents.append(True)
        print('{"schema": 1, "results": [', end="", flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._closed:
            code = getattr(error, "exit_code", 1)
            self.close(error=str(error), exit_code=code)

    def add(self, value: Any) -> None:
        """One more result."""
        print("," * bool(self._count), _one_line(value), sep="\n", end="", flush=True)
        self._count += 1

    def close(self, **rest: Any) -> None:
        """The end of the results, and what else the document holds."""
        self._closed = True
        more = "".join(f",\n{_one_line(name)}: {_one_line(value)}" for name, value in rest.items())
        print(f"\n]{more}}}", flush=True)


def _one_line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file's name that is no text
        return json.dumps(value, allow_nan=False)
    return text


def width_of_output() -> int:
    """Columns that a line on stdout may have: the terminal's, and many where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH


def put_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """A table on stdout under its title, which is never wrapped; numbers are right-aligned.

    Lines are whole where stdout is not a terminal.
    """
    if title:  # such as a path, to be copied whole, however narrow the table
        put(title)
    _print_table(columns, rows, sys.stdout)


def say_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for the person, on stderr."""
    _print_table(columns, rows, sys.stderr)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], stream: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], (int, float)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(file=stream, width=None if stream.isatty() else WIDTH).print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("[", r"\[")


def duration(seconds: float) -> str:
    """Roughly: 0.4 s, 12 s, 3 min, 2.5 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def yes_or_number(value: object) -> object:
    """A value for a table: yes or no, and whole numbers with commas between thousands."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else value
