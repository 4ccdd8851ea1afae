"""Embeddings: published scores, one seed one picture, and errors in one line."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.embedding import (
    CAUTIONS,
    embed,
    embedding_grid,
    grid_settings,
    nearest_neighbor_score,
)


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


def test_raw_digits_and_pca(digits):
    X, y = digits
    assert nearest_neighbor_score(X, y) == pytest.approx(0.964, abs=0.002)
    sheet = embed(X, method="pca")
    assert sheet.kl is None
    assert sheet.knn(y) == pytest.approx(0.570, abs=0.02)
    assert sheet.trustworthiness == pytest.approx(0.830, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("perplexity", "knn", "trust", "kl"),
    [(5, 0.963, 0.989, 0.944), (30, 0.969, 0.992, 0.754), (50, 0.962, 0.991, 0.679)],
)
def test_published_scores_of_tsne(digits, perplexity, knn, trust, kl):
    X, y = digits
    sheet = embed(X, perplexity=perplexity)
    assert sheet.knn(y) == pytest.approx(knn, abs=0.02)
    assert sheet.trustworthiness == pytest.approx(trust, abs=0.01)
    assert sheet.kl == pytest.approx(kl, abs=0.03)


def test_one_seed_one_picture():
    X, _ = load_iris(return_X_y=True)
    first, second = embed(X, perplexity=10, seed=3), embed(X, perplexity=10, seed=3)
    assert np.array_equal(first.xy, second.xy)
    assert first.kl == second.kl


def test_pca_explains_most_variance_of_all_projections(digits):
    X, _ = digits
    variance = embed(X, method="pca").xy.var(axis=0).sum()
    top_two = np.linalg.eigvalsh(np.cov(X.T, bias=True))[-2:].sum()
    assert variance == pytest.approx(top_two)


def test_tsne_keeps_neighbors_better_than_pca(digits):
    X, y = digits[0][:300], digits[1][:300]
    assert embed(X, perplexity=20).knn(y) > embed(X, method="pca").knn(y) + 0.15


def test_a_grid_has_every_combination_and_says_which():
    X = np.random.default_rng(0).normal(size=(40, 5))
    sheets = list(embedding_grid(X, {"perplexity": [5, 10], "early_exaggeration": [4, 12]}))
    assert [(s.settings["perplexity"], s.settings["early_exaggeration"]) for s in sheets] == [
        (5, 4),
        (5, 12),
        (10, 4),
        (10, 12),
    ]
    assert np.array_equal(sheets[1].xy, embed(X, perplexity=5).xy)


def test_grid_settings_name_their_axes():
    with pytest.raises(UnknownNameError, match=r"No t-SNE setting 'perplexty'. Did you mean 'perplexity'?"):
        grid_settings({"perplexty": [5]})


@pytest.mark.parametrize("perplexity", [40, 41, 0])
def test_perplexity_must_be_less_than_the_number_of_points(perplexity):
    with pytest.raises(UsageError) as caught:
        embed(np.eye(40), perplexity=perplexity)
    assert str(caught.value) == (
        f"Perplexity {perplexity} does not fit 40 points: it is about the number of neighbors of a point,"
        " so it must be less than 40. At most 13 is sensible."
    )


def test_a_grid_is_checked_before_it_starts():
    with pytest.raises(UsageError, match="Perplexity 50 does not fit 20 points"):
        embedding_grid(np.eye(20), {"perplexity": [5, 50]})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: embed(np.eye(2)), "at least 3 points"),
        (
            lambda: embed(np.eye(9), perplexity=3, early_exaggeration=0.5),
            "early_exaggeration must be at least 1",
        ),
        (lambda: nearest_neighbor_score(np.eye(6), np.arange(6)), "at least 5 points of each label"),
    ],
)
def test_errors(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_there_are_five_cautions():
    assert len(CAUTIONS) == len(set(CAUTIONS)) == 5
