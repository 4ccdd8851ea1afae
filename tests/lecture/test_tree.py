"""The readable tree: its published sizes, and the first questions it asks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from deepdream.errors import UsageError
from deepdream.lecture.tree import grow_tree


@pytest.fixture(scope="module")
def cancer():
    return load_breast_cancer()


def grow(cancer, depth):
    return grow_tree(
        cancer.data, cancer.target, features=cancer.feature_names, classes=cancer.target_names, depth=depth
    )


def test_depth_two(cancer):
    tree = grow(cancer, 2)
    assert (tree.nodes, tree.leaves, tree.depth) == (7, 4, 2)
    assert "worst radius <= 16.80" in tree.text
    assert "worst concave points <= 0.14" in tree.text
    assert "class: malignant" in tree.text
    assert tree.accuracy > 0.9


def test_full_tree(cancer):
    tree = grow(cancer, None)
    assert (tree.nodes, tree.leaves, tree.depth) == (43, 22, 7)
    assert tree.accuracy == pytest.approx(0.926, abs=0.02)
    assert tree.model.score(cancer.data, cancer.target) == 1  # it has learned every sample by heart
    assert "truncated" not in tree.text


@pytest.mark.parametrize(
    ("y", "depth", "message"),
    [
        ([0, 1] * 6, 0, "depth of at least 1; got 0"),
        ([1] * 12, 2, "at least two classes"),
        ([0] * 10 + [1] * 2, 2, "at least 5 samples of each class"),
    ],
)
def test_errors(y, depth, message):
    with pytest.raises(UsageError, match=message):
        grow_tree(np.arange(12.0)[:, None], np.array(y), features=["x"], classes=["a", "b"], depth=depth)
