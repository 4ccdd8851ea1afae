"""A CSV table that grows by whole rows: nothing is lost when a long run ends early, and a later run continues it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from deepdream.batch.events import Row
from deepdream.batch.outputs import Existing, check_place
from deepdream.errors import OutputError
from deepdream.provenance.files import replacing, write_text

#: The columns that every table has: the first and the last.
PICTURE, ERROR = "picture", "error"


class Table:
    """``path`` as CSV, its record beside it as JSON; a context manager.

    All rows of a picture are written at once, as soon as it is done. A continued run keeps the rows of pictures that
    are done and drops those of pictures that failed, which are tried again.

    Attributes:
        done: The pictures whose rows the table has.
        differences: Versions that differ from those of the run that began the table, a sentence each.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, (PICTURE, *columns, ERROR)
        self.done: set[str] = set()
        self.differences: list[str] = []
        self._file: IO[str] | None = None

    def begin(self, record: Mapping[str, Any], existing: Existing) -> None:
        """Make the table, or continue the one that is there; ``record`` says what its numbers depend on.

        Raises:
            OutputError: it is there and may not be replaced, was made with other settings, or cannot be written.
        """
        check_place(self.path)
        there = self.path.exists()
        if there and existing is Existing.REFUSE:
            raise OutputError(
                f"{self.path} exists. Continue it with --skip-existing, begin again with --overwrite, or choose "
                "another folder with -o."
            )
        if there and existing is Existing.SKIP:
            self._check_same(record)
            # Whether a run was killed within a line.
            content = self.path.read_bytes()
            self._keep(list(self._rows()), half_written=(not content.endswith(b"\n")))
        else:
            self._keep([])
            hashes = {"name": f"each row of {self.path.name}", "sha256": "in its column"}
            values = {"schema": 1, "kind": "a table", "record": {**record, "picture": hashes}}
            write_text(
                self._record_path, json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
            )

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, rows: Sequence[Row]) -> None:
        """The rows of one picture. Raises OutputError: the disk is full."""
        try:
            if self._file is None:
                self._file = _opened(self.path, "a")
            self._file.write(self._lines(rows))
            self._file.flush()
        except OSError as error:
            raise OutputError(f"Cannot write {self.path}: {error.strerror or error}.") from error

    def rows(self) -> Iterator[Row]:
        """Every row of a picture that did not fail."""
        return (row for row in self._rows() if not row[ERROR])

    @property
    def _record_path(self) -> Path:
        return self.path.with_suffix(".json")

    def _rows(self) -> Iterator[dict[str, str]]:
        """What the file holds, row by row; a line that is not whole is no row."""
        with _opened(self.path, "r") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != self.columns:
                raise OutputError(f"{self.path} is another table. Choose another folder with -o.")
            yield from (row for row in reader if None not in row and None not in row.values())

    def _keep(self, rows: Sequence[Row], *, half_written: bool = False) -> None:
        again = {row[PICTURE] for row in rows if row[ERROR]}
        again |= {row[PICTURE] for row in rows[-1:] if half_written}
        remaining = [row for row in rows if row[PICTURE] not in again]
        self.done = {row[PICTURE] for row in remaining}
        with replacing(self.path) as temporary, _opened(temporary, "w") as file:
            file.write(self._lines([dict(zip(self.columns, self.columns, strict=True)), *remaining]))

    def _lines(self, rows: Sequence[Row]) -> str:
        text = io.StringIO()
        csv.DictWriter(text, self.columns, restval="", lineterminator="\n").writerows(rows)
        return text.getvalue()

    def _check_same(self, record: Mapping[str, Any]) -> None:
        """Raises OutputError: the table was made with other settings, which its rows would not tell."""
        try:
            then = json.loads(self._record_path.read_text(encoding="utf-8"))["record"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{self._record_path} does not say how {self.path.name} was made.") from error
        now = json.loads(json.dumps(record))
        for what in ("networks", "plan", "seed"):
            if then.get(what) != now.get(what):
                raise OutputError(
                    f"{self.path} was made with {_difference(what, then.get(what), now.get(what))}. Choose another "
                    "folder with -o, or begin again with --overwrite."
                )
        for name, version in now.get("versions", {}).items():
            if (before := then.get("versions", {}).get(name)) != version:
                self.differences.append(f"{name} was {before}, is {version}")


def _opened(path: Path, mode: str) -> IO[str]:
    # Names of files are bytes; those that are no text are spelled out.
    return path.open(mode, encoding="utf-8", errors="backslashreplace", newline="")


def _difference(what: str, then: Any, now: Any) -> str:
    if what == "networks":
        return "another network, or other weights"
    if isinstance(then, dict) and isinstance(now, dict):
        name = next((name for name in now if then.get(name) != now[name]), "settings")
        return f"another {name} ({str(then.get(name))[:40]}, not {str(now.get(name))[:40]})"
    return f"another {what} ({str(then)[:40]}, not {str(now)[:40]})"
