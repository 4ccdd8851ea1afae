"""Samples to learn from: Boolean gates, toy clouds, scikit-learn's real data, and CSV files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.csv_columns import filled, number, read_csv
from deepdream.lecture.neuron import GATES, boolean_inputs

__all__ = [
    "BUNDLED",
    "GATE_NAMES",
    "TOYS",
    "Dataset",
    "bundled",
    "find_data",
    "is_table_file",
    "load_table",
    "one_hot",
    "toy",
]

Floats = NDArray[np.float64]


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
        # A constant column has no spread; dividing by 1 leaves it at 0 instead of NaN.
        spread = self.X.std(0)
        scaled = (self.X - self.X.mean(0)) / np.where(spread > 0, spread, 1.0)
        names = tuple(f"{name.partition(' (')[0]}, standardized" for name in self.features)
        return Dataset(scaled, self.y, names, self.classes, self.about)


def circle(n: int, noise: float, rng: np.random.Generator) -> tuple[Floats, ArrayLike]:
    """A disk of class 1 inside a ring of class 0."""
    y = np.arange(n) % 2
    radius = np.where(y == 1, rng.uniform(0, 0.45, n), rng.uniform(0.65, 1.0, n))
    return _around(radius, rng.uniform(0, 2 * np.pi, n), noise, rng), y


def spiral(n: int, noise: float, rng: np.random.Generator) -> tuple[Floats, ArrayLike]:
    """Two arms of a spiral, one for each class."""
    # The arms start a little away from the middle, where the classes could not be told apart.
    y, t = np.arange(n) % 2, np.linspace(0.05, 1, n)
    return _around(t, 1.75 * 2 * np.pi * t + np.pi * y, noise, rng), y


def _around(radius: Floats, angle: Floats, noise: float, rng: np.random.Generator) -> Floats:
    clean = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    noisy: Floats = clean + noise * rng.normal(size=clean.shape)
    return noisy


def gauss(n: int, noise: float, rng: np.random.Generator) -> tuple[Floats, ArrayLike]:
    """Two round clouds that a line separates."""
    y = np.arange(n) % 2
    return rng.normal(size=(n, 2)) * (0.15 + noise) + np.where(y == 1, 0.5, -0.5)[:, None], y


def quadrants(n: int, noise: float, rng: np.random.Generator) -> tuple[Floats, ArrayLike]:
    """XOR as a cloud: opposite quadrants share a class, and a gap separates neighbors."""
    X = rng.uniform(-1, 1, (n, 2))
    y = X[:, 0] * X[:, 1] < 0
    return X + np.sign(X) * 0.06 + noise * rng.normal(size=X.shape), y


TOYS: dict[str, Callable[[int, float, np.random.Generator], tuple[Floats, ArrayLike]]] = {
    "circle": circle,
    "spiral": spiral,
    "gauss": gauss,
    "quadrants": quadrants,
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
        about = f"{n} artificial points, '{name}', seed {seed}"
    else:
        raise UnknownNameError("toy data set", name, (*GATE_NAMES, *TOYS))
    features = tuple(f"x{i + 1}" for i in range(X.shape[1]))
    return Dataset(X, np.asarray(y, np.int64), features, ("0", "1"), about)


def bundled(name: str) -> Dataset:
    """A real data set that ships with scikit-learn. Digits are divided by 16, to lie in [0, 1].

    >>> bundled("iris").classes
    ('setosa', 'versicolor', 'virginica')
    """
    from sklearn import datasets

    if name not in BUNDLED:
        raise UnknownNameError("data set", name, BUNDLED)
    # scikit-learn is imported above and not at the top: gates and clouds do not need its two seconds.
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
    """Whether ``name`` is a table on disk and not a data set by name.

    >>> is_table_file("pets.csv"), is_table_file("iris")
    (True, False)
    """
    return name.lower().endswith((".csv", ".tsv", ".txt")) or Path(name).is_file()


def find_data(
    name: str, *, n: int = 200, noise: float = 0.05, seed: int = 0, target: str | None = None
) -> Dataset:
    """A toy set, a real set, or a CSV file, whichever ``name`` is. Raises UnknownNameError, UsageError.

    >>> find_data("digits").X.shape
    (1797, 64)
    """
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

    Columns named in ``without`` are ignored; they may hold anything.

    >>> _ = Path("pets.csv").write_text("weight,height,kind\\n4,25,cat\\n20,60,dog\\n")
    >>> load_table("pets.csv").classes
    ('cat', 'dog')

    Raises:
        UsageError: no such file, no samples, a line of another length, text or a gap where a number belongs.
        UnknownNameError: no such column.
    """
    header, lines = read_csv(Path(path))
    name = target if target is not None else [column for column in header if column not in without][-1]
    for column in (name, *without):
        if column not in header:
            raise UnknownNameError("column", column, header, where=str(path))
    position = header.index(name)
    features = tuple(column for column in header if column not in (name, *without))
    if not features:
        raise UsageError(f"{path} has only the column '{name}'; a column of numbers is needed as well.")
    X = [
        [
            number(cell, path, row, column)
            for column, cell in zip(header, line, strict=True)
            if column in features
        ]
        for row, line in lines.items()
    ]
    labels = [filled(line[position], path, row, name) for row, line in lines.items()]
    # np.unique sorts the names, so that class numbers do not depend on the order of the lines.
    classes, y = np.unique(labels, return_inverse=True)
    if len(classes) > 50:
        raise UsageError(
            f"{path}: column '{name}' holds {len(classes)} different values, too many for classes."
        )
    return Dataset(
        np.array(X), y.astype(np.int64), features, tuple(map(str, classes)), f"{len(X)} samples of {path}"
    )


def one_hot(y: Sequence[int] | NDArray[np.int64], classes: int) -> Floats:
    """Targets for a network: one output per class, 1 at the right one; (n, 1) for two classes.

    >>> one_hot([0, 2], 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    # Two classes need one output only: the probability of class 1.
    labels = np.asarray(y)
    return labels[:, None].astype(float) if classes == 2 else np.eye(classes)[labels]
