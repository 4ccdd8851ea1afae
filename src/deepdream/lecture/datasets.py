"""Samples to learn from: Boolean gates, toy clouds, scikit-learn's real data, and a person's own CSV file."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.neuron import GATES, boolean_inputs

__all__ = ["BUNDLED", "GATE_NAMES", "TOYS", "Dataset", "bundled", "find_data", "load_table", "one_hot", "toy"]

Floats = NDArray[np.float64]
Generator = np.random.Generator


@dataclass(frozen=True)
class Dataset:
    """Samples ``X`` (n, d), class numbers ``y`` (n,) from 0, and the names of columns and classes."""

    X: Floats
    y: NDArray[np.int64]
    features: tuple[str, ...]
    classes: tuple[str, ...]
    about: str

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise UsageError(f"Two classes or more are needed; {self.about} has {len(self.classes)}.")

    def against_rest(self, positive: int = 0) -> Dataset:
        """The same samples with two classes: ``positive`` is 1, all others are 0."""
        if len(self.classes) == 2:
            return self
        names = ("the rest", self.classes[positive])
        y = (self.y == positive).astype(np.int64)
        return Dataset(self.X, y, self.features, names, f"{self.about}; {names[1]} against the rest")

    def standardized(self) -> Dataset:
        """The same samples, every column with mean 0 and standard deviation 1 (constant ones: 0).

        The names lose their units and say so.
        """
        spread = self.X.std(0)
        scaled = (self.X - self.X.mean(0)) / np.where(spread > 0, spread, 1.0)
        names = tuple(f"{name.partition(' (')[0]}, standardized" for name in self.features)
        return Dataset(scaled, self.y, names, self.classes, self.about)


def _circle(n: int, noise: float, generator: Generator) -> tuple[Floats, ArrayLike]:
    y = np.arange(n) % 2
    radius = np.where(y == 1, generator.uniform(0, 0.45, n), generator.uniform(0.65, 1.0, n))
    return _around(radius, generator.uniform(0, 2 * np.pi, n), noise, generator), y


def _spiral(n: int, noise: float, generator: Generator) -> tuple[Floats, ArrayLike]:
    y, t = np.arange(n) % 2, np.linspace(0.05, 1, n)
    return _around(t, 1.75 * 2 * np.pi * t + np.pi * y, noise, generator), y


def _around(radius: Floats, angle: Floats, noise: float, generator: Generator) -> Floats:
    clean = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    noisy: Floats = clean + noise * generator.normal(size=clean.shape)
    return noisy


def _gauss(n: int, noise: float, generator: Generator) -> tuple[Floats, ArrayLike]:
    y = np.arange(n) % 2
    return generator.normal(size=(n, 2)) * (0.15 + noise) + np.where(y == 1, 0.5, -0.5)[:, None], y


def _quadrants(n: int, noise: float, generator: Generator) -> tuple[Floats, ArrayLike]:
    X = generator.uniform(-1, 1, (n, 2))
    y = X[:, 0] * X[:, 1] < 0
    return X + np.sign(X) * 0.06 + noise * generator.normal(size=X.shape), y


TOYS: dict[str, Callable[[int, float, Generator], tuple[Floats, ArrayLike]]] = {
    "circle": _circle,
    "spiral": _spiral,
    "gauss": _gauss,
    "quadrants": _quadrants,
}
GATE_NAMES = ("and", "or", "xor", "and3", "or3", "majority3")
BUNDLED = ("iris", "wine", "breast_cancer", "digits")


def toy(name: str, n: int = 200, noise: float = 0.05, seed: int = 0) -> Dataset:
    """A Boolean gate (all its inputs, once) or a cloud of ``n`` points in the plane, about in [-1, 1]².

    >>> toy("xor").y.tolist()
    [0, 1, 1, 0]
    """
    if name in GATE_NAMES:
        inputs = boolean_inputs(3 if name.endswith("3") else 2)
        X = np.array(inputs, float)
        y: ArrayLike = [GATES[name.rstrip("3")](x) for x in inputs]
        about = f"the Boolean function {name.rstrip('3').upper()} of {X.shape[1]} inputs"
    elif name in TOYS:
        X, y = TOYS[name](n, noise, np.random.default_rng(seed))
        about = f"{n} made-up points, '{name}', seed {seed}"
    else:
        raise UnknownNameError("toy data set", name, (*GATE_NAMES, *TOYS))
    features = tuple(f"x{i + 1}" for i in range(X.shape[1]))
    return Dataset(X, np.asarray(y, np.int64), features, ("0", "1"), about)


def bundled(name: str) -> Dataset:
    """A real data set that ships with scikit-learn. Digits are divided by 16, to lie in [0, 1]."""
    from sklearn import datasets

    if name not in BUNDLED:
        raise UnknownNameError("data set", name, BUNDLED)
    raw = getattr(datasets, f"load_{name}")()
    X = raw.data / 16 if name == "digits" else raw.data
    features = tuple(str(feature) for feature in raw.feature_names)
    classes = tuple(str(label) for label in raw.target_names)
    return Dataset(
        X.astype(float),
        raw.target.astype(np.int64),
        features,
        classes,
        f"{len(X)} samples of {name.replace('_', ' ')}",
    )


def is_table_file(name: str) -> bool:
    """Whether ``name`` is a table on disk and not a data set by name."""
    return name.lower().endswith((".csv", ".tsv", ".txt")) or Path(name).is_file()


def find_data(
    name: str, *, n: int = 200, noise: float = 0.05, seed: int = 0, target: str | None = None
) -> Dataset:
    """A toy set, a real set, or a CSV file, whichever ``name`` is. Raises UnknownNameError, UsageError."""
    if is_table_file(name):
        return load_table(name, target)
    if target is not None:
        raise UsageError(f"--target names a column of a CSV file; '{name}' is not one.")
    if name in BUNDLED:
        return bundled(name)
    if name not in (*GATE_NAMES, *TOYS):
        raise UnknownNameError("data set", name, (*GATE_NAMES, *TOYS, *BUNDLED))
    return toy(name, n, noise, seed)


def load_table(path: str | Path, target: str | None = None, *, without: Collection[str] = ()) -> Dataset:
    """A CSV file with one header line: ``target`` (default: the last column) holds classes, the rest numbers.

    Columns named in ``without`` are left out; they may hold anything.

    Raises:
        UsageError: no such file, no samples, a line of another length, text or a gap where a number belongs.
        UnknownNameError: no such column.
    """
    header, lines = _read_csv(Path(path))
    name = target if target is not None else [column for column in header if column not in without][-1]
    for column in (name, *without):
        if column not in header:
            raise UnknownNameError("column", column, header, where=str(path))
    place = header.index(name)
    features = tuple(column for column in header if column not in (name, *without))
    if not features:
        raise UsageError(f"{path} has only the column '{name}'; a column of numbers is needed as well.")
    X = [
        [
            _number(cell, path, row, column)
            for column, cell in zip(header, line, strict=True)
            if column in features
        ]
        for row, line in lines.items()
    ]
    labels = [_filled(line[place], path, row, name) for row, line in lines.items()]
    classes, y = np.unique(labels, return_inverse=True)
    if len(classes) > 50:
        raise UsageError(
            f"{path}: column '{name}' holds {len(classes)} different values, too many for classes."
        )
    return Dataset(
        np.array(X), y.astype(np.int64), features, tuple(map(str, classes)), f"{len(X)} samples of {path}"
    )


def load_words(path: str | Path, column: str) -> tuple[str, ...]:
    """One column of a CSV file as words. Raises UnknownNameError, UsageError."""
    header, lines = _read_csv(Path(path))
    if column not in header:
        raise UnknownNameError("column", column, header, where=str(path))
    place = header.index(column)
    return tuple(_filled(line[place], path, row, column) for row, line in lines.items())


def load_columns(path: str | Path) -> dict[str, Floats]:
    """Every column of a CSV file of numbers, by name. Raises UsageError, naming line and column."""
    header, lines = _read_csv(Path(path))
    return {
        column: np.array([_number(line[i], path, row, column) for row, line in lines.items()])
        for i, column in enumerate(header)
    }


def _read_csv(path: Path) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and the values of every line that has any, by its number."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text file in UTF-8.") from error
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    try:
        lines = {number: line for line, number in ((line, reader.line_num) for line in reader) if line}
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: no table ({error}).") from error
    header = [column.strip() for column in lines.pop(min(lines, default=0), [])]
    if len(lines) < 2:
        raise UsageError(f"{path} needs a header line and at least two samples.")
    if len(set(header)) < len(header):
        raise UsageError(f"{path} has two columns of the same name.")
    for row, line in lines.items():
        if len(line) != len(header):
            raise UsageError(f"{path}, line {row}: {len(line)} values for {len(header)} columns.")
    return header, lines


def _filled(cell: str, path: str | Path, row: int, column: str) -> str:
    value = cell.strip()
    if value.lower() in ("", "na", "nan", "null", "none", "?"):
        raise UsageError(
            f"{path}, line {row}, column '{column}': the value is missing. Fill it or drop the line."
        )
    return value


def _number(cell: str, path: str | Path, row: int, column: str) -> float:
    value = _filled(cell, path, row, column)
    try:
        number = float(value)
    except ValueError:
        raise UsageError(f"{path}, line {row}, column '{column}': '{value}' is not a number.") from None
    if not math.isfinite(number):
        raise UsageError(f"{path}, line {row}, column '{column}': '{value}' is not finite.")
    return number


def one_hot(y: Sequence[int] | NDArray[np.int64], classes: int) -> Floats:
    """Targets for a network: one output per class, 1 at the right one; (n, 1) for two classes.

    >>> one_hot([0, 2], 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    labels = np.asarray(y)
    return labels[:, None].astype(float) if classes == 2 else np.eye(classes)[labels]
