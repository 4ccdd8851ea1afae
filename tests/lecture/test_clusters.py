"""Clusters: scikit-learn's inertia as witness, and the split of the variance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs

from deepdream.errors import UsageError
from deepdream.lecture.clusters import between_cluster_variance, cluster, inertia


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_inertia_is_scikit_learns(iris, k):
    X, _ = iris
    witness = KMeans(k, n_init=10, random_state=0).fit(X)
    assert cluster(X, k).inertia == pytest.approx(witness.inertia_)


def test_within_and_between_add_up_to_the_total(iris):
    X, y = iris
    total = ((X - X.mean(axis=0)) ** 2).sum()
    for labels in (y, cluster(X, 4).labels, np.zeros_like(y)):
        assert inertia(X, labels) + between_cluster_variance(X, labels) == pytest.approx(total)


def test_more_clusters_always_lower_the_inertia_but_not_the_silhouette():
    X, _ = make_blobs(150, centers=[[0, 0], [5, 0], [0, 5]], cluster_std=0.7, random_state=2)
    clusterings = [cluster(X, k) for k in (2, 3, 4, 6)]
    assert all(a.inertia > b.inertia for a, b in pairwise(clusterings))
    assert max(clusterings, key=lambda c: c.silhouette).k == 3


def test_agreement_does_not_depend_on_names():
    X, y = make_blobs(150, centers=3, cluster_std=0.3, random_state=2)
    clustering = cluster(X, 3)
    assert clustering.agreement(y) == pytest.approx(1)
    assert clustering.agreement(2 - y) == pytest.approx(1)


@pytest.mark.parametrize("k", [1, 10])
def test_impossible_k(k):
    with pytest.raises(UsageError, match=f"less than the number of points, 10; got {k}"):
        cluster(np.arange(20.0).reshape(10, 2), k)
