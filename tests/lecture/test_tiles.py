"""Tiles of the shipped pictures: what a network sees sorts itself, raw pixels do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepdream.errors import UnknownNameError, UsageError
from deepdream.images import write_picture
from deepdream.lecture.embedding import embed, nearest_neighbor_score
from deepdream.lecture.tiles import cut_tiles, pooled_features

IMAGES = Path(__file__).parents[2] / "images"


def test_tiles_are_cuttings_of_their_pictures(tmp_path):
    for name, value in (("dark", 0.2), ("light", 0.8)):
        write_picture(tmp_path / f"{name}.png", np.full((40, 50, 3), value, np.float32))
    tiles = cut_tiles(tmp_path, per_picture=6, side=16)
    assert tiles.pixels.shape == (12, 16, 16, 3)
    assert tiles.names == ("dark", "light")
    assert tiles.raw.shape == (12, 16 * 16 * 3)
    means = tiles.pixels.mean(axis=(1, 2, 3))
    assert means == pytest.approx(np.repeat([0.2, 0.8], 6), abs=0.01)
    assert tiles.labels.tolist() == [0] * 6 + [1] * 6


def test_the_seed_places_the_tiles():
    first, again, other = (cut_tiles(IMAGES, per_picture=5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)


def test_errors(tmp_path):
    with pytest.raises(UsageError, match=r"No folder 'nowhere' here. Give 'digits', 'tiles' or a folder"):
        cut_tiles("nowhere")
    with pytest.raises(UsageError, match="0 pictures of at least 96 x 96 pixels"):
        cut_tiles(tmp_path)


@pytest.mark.weights
def test_an_unknown_layer_is_an_error_at_once():
    from deepdream.models import load_model

    tiles = cut_tiles(IMAGES, per_picture=5)
    with pytest.raises(UnknownNameError, match="No layer 'block4'"):
        pooled_features(tiles, load_model(), "block4")


@pytest.mark.weights
@pytest.mark.slow
def test_network_features_sort_the_tiles_and_raw_pixels_do_not():
    from deepdream.models import load_model

    tiles = cut_tiles(IMAGES, seed=0)
    features = np.concatenate(list(pooled_features(tiles, load_model())))
    assert len(features) == 40 * 7
    raw = nearest_neighbor_score(tiles.raw, tiles.labels)
    score = nearest_neighbor_score(features, tiles.labels)
    assert score >= 0.95
    assert score >= raw + 0.2
    assert embed(features).knn(tiles.labels) >= 0.95
