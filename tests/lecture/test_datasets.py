"""Data: toys, real sets, and the errors for a CSV file that does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.csv_columns import load_columns
from deepdream.lecture.datasets import (
    BUNDLED,
    GATE_NAMES,
    TOYS,
    bundled,
    find_data,
    load_table,
    toy,
)
from deepdream.lecture.play import train_playground
from deepdream.lecture.training import TrainingSettings


@pytest.mark.parametrize("name", [*GATE_NAMES, *TOYS])
def test_toys_are_reproducible(name: str) -> None:
    first, same = toy(name, seed=3), toy(name, seed=3)
    np.testing.assert_array_equal(first.X, same.X)
    assert set(first.y) == {0, 1}
    if name in TOYS:
        assert (toy(name, seed=4).X != first.X).any()
        assert np.bincount(first.y).min() > 70


@pytest.mark.parametrize("name", BUNDLED)
def test_real_sets(name: str) -> None:
    table = find_data(name)
    assert len(table.X) == len(table.y)
    assert table.X.shape[1] == len(table.features)
    assert set(table.y) == set(range(len(table.classes)))
    scaled = table.standardized()
    np.testing.assert_allclose(scaled.X.mean(0), 0, atol=1e-9)
    assert set(table.against_rest(1).y) == {0, 1}


def test_digits_lie_between_zero_and_one() -> None:
    digits = bundled("digits").X
    assert (digits.min(), digits.max()) == (0, 1)


def test_a_csv_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "pets.csv"
    path.write_text("﻿weight;height;kind\n1;2;cat\n3;4.5;dog\n\n2;2;cat\n", encoding="utf-8")
    table = load_table(path)
    assert table.features == ("weight", "height")
    assert table.classes == ("cat", "dog")
    assert table.X.tolist() == [[1, 2], [3, 4.5], [2, 2]]
    assert table.y.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("a,b\n1,x\n2,y\n", "c", "No column 'c' in"),
        ("a,b\n1,x\n2,\n", None, "line 3, column 'b': the value is missing"),
        ("a,b\n1,x\nNA,y\n", None, "line 3, column 'a': the value is missing"),
        ("a,b\n\n\n1,x\nred,y\n", None, "line 5, column 'a': 'red' is not a number"),
        ("a,b\n1,x\n2," + "y" * 200_000, None, "line 3: this is not a table (field larger than field limit"),
        ("a,b\nred,x\n2,y\n", None, "line 2, column 'a': 'red' is not a number"),
        ("a,b\n1e999,x\n2,y\n", None, "is not finite"),
        ("a,b\n1,x,3\n2,y\n", None, "line 2: 3 values for 2 columns"),
        ("a,a\n1,x\n2,y\n", None, "two columns of the same name"),
        ("a,b\n1,x\n", None, "at least two samples"),
        ("", None, "at least two samples"),
        ("a,b\n1,x\n2,x\n", None, "Two classes or more are needed"),
        ("b\nx\ny\n", None, "only the column 'b'"),
    ],
)
def test_the_error_names_what_is_wrong_with_a_csv(
    tmp_path: Path, text: str, target: str | None, message: str
) -> None:
    path = tmp_path / "my.csv"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        load_table(path, target)
    assert message in str(error.value)


def test_too_many_classes_are_a_number_to_predict(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("a,b\n" + "".join(f"{i},{i}\n" for i in range(60)))
    with pytest.raises(UsageError, match="60 different values"):
        load_table(path)
    assert load_columns(path)["b"].tolist() == list(range(60))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Cannot read .*No such file"):
        find_data(str(tmp_path / "none.csv"))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00a\xd8")
    with pytest.raises(UsageError, match="not a text file in UTF-8"):
        load_table(tmp_path / "binary.csv")


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'circle'"):
        find_data("cirle")
    with pytest.raises(UsageError, match="--target names a column"):
        find_data("circle", target="x1")


def test_the_playground_needs_a_plane() -> None:
    with pytest.raises(UsageError, match="two columns of numbers and two classes"):
        train_playground(bundled("iris"), [4], TrainingSettings())
