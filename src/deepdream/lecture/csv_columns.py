"""CSV files by their columns, with errors that name the line and the column."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdream.errors import UnknownNameError, UsageError

__all__ = ["filled", "load_columns", "load_words", "number", "read_csv"]


def load_words(path: str | Path, column: str) -> tuple[str, ...]:
    """One column of a CSV file as words. Raises UnknownNameError, UsageError.

    >>> _ = Path("pets.csv").write_text("name,age\\nTom,3\\nRex,5\\n")
    >>> load_words("pets.csv", "name")
    ('Tom', 'Rex')
    """
    header, lines = read_csv(Path(path))
    if column not in header:
        raise UnknownNameError("column", column, header, where=str(path))
    position = header.index(column)
    return tuple(filled(line[position], path, row, column) for row, line in lines.items())


def load_columns(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Every column of a CSV file of numbers, by name. Raises UsageError, naming line and column.

    >>> _ = Path("line.csv").write_text("x,y\\n0,1\\n1,3\\n")
    >>> load_columns("line.csv")["y"].tolist()
    [1.0, 3.0]
    """
    header, lines = read_csv(Path(path))
    return {
        column: np.array([number(line[i], path, row, column) for row, line in lines.items()])
        for i, column in enumerate(header)
    }


def read_csv(path: Path) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and the values of every line that has any, by its number. Raises UsageError."""
    try:
        # utf-8-sig drops the byte order mark that Excel writes before the first column's name.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file in UTF-8.") from error
    # Spreadsheets write semicolons where the comma is the decimal sign; the header shows which it is.
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    try:
        lines = {number: line for line, number in ((line, reader.line_num) for line in reader) if line}
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: this is not a table ({error}).") from error
    header = [column.strip() for column in lines.pop(min(lines, default=0), [])]
    if len(lines) < 2:
        raise UsageError(f"{path} needs a header line and at least two samples.")
    # With two columns of one name, --target would be ambiguous.
    if len(set(header)) < len(header):
        raise UsageError(f"{path} has two columns of the same name.")
    # Line numbers are kept through all checks, so that an error names the place in the file.
    for row, line in lines.items():
        if len(line) != len(header):
            raise UsageError(f"{path}, line {row}: {len(line)} values for {len(header)} columns.")
    return header, lines


def filled(cell: str, path: str | Path, row: int, column: str) -> str:
    """The text of a cell. Raises UsageError, with line and column, if it is empty or stands for a missing value."""
    value = cell.strip()
    if value.lower() in ("", "na", "nan", "null", "none", "?"):
        raise UsageError(
            f"{path}, line {row}, column '{column}': the value is missing. Fill it or drop the line."
        )
    return value


def number(cell: str, path: str | Path, row: int, column: str) -> float:
    """The number in a cell. Raises UsageError, with line and column."""
    value = filled(cell, path, row, column)
    try:
        result = float(value)
    except ValueError:
        raise UsageError(f"{path}, line {row}, column '{column}': '{value}' is not a number.") from None
    if not math.isfinite(result):
        raise UsageError(f"{path}, line {row}, column '{column}': '{value}' is not finite.")
    return result
