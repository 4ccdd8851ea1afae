"""A toy picture format, still and moving: one ``register``, and it is written, read, listed and accepted everywhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdream.batch.outputs import check_transparent, check_writable
from deepdream.batch.sources import expand_inputs
from deepdream.errors import UsageError
from deepdream.figures import Animation, Figure
from deepdream.images import PICTURE_FORMATS, read_picture, write_animation, write_picture
from deepdream.images.formats import Movement, PictureFormat, formats_with_bits, register


def encode_toy(samples: Any, recipe: str | None, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "PPM")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def toy() -> Iterator[None]:
    register(
        PictureFormat("toy", (".toy",), (".toi",), encode_toy, (8, 16), alpha=False, movement=Movement("PNG"))
    )
    yield
    del PICTURE_FORMATS["toy"]


def test_a_format_is_written_read_and_known_by_its_suffixes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((6, 8, 3)).astype(np.float32)
    path = tmp_path / "a.toy"
    check_writable(path, bits=16)
    write_picture(path, pixels)
    assert np.abs(read_picture(path).pixels - pixels).max() < 0.01
    (tmp_path / "b.toi").write_bytes(path.read_bytes())
    assert [source.name for source in expand_inputs([str(tmp_path)])] == ["a.toy", "b.toi"]
    with pytest.raises(UsageError, match=r"\.toy holds no transparency"):
        check_transparent(path)
    with pytest.raises(UsageError, match=r"\.bmp, \.toy"):
        write_picture(tmp_path / "a.txt", pixels)
    assert formats_with_bits(16) == "PNG, TIFF and TOY"


def test_a_moving_format(tmp_path: Path) -> None:
    frames = [np.full((4, 4, 3), share, np.float32) for share in (0.0, 1.0)]
    write_animation(tmp_path / "m.toy", frames)
    with Image.open(tmp_path / "m.toy") as moving:
        assert getattr(moving, "n_frames", 1) == 2
    canvas = pytest.importorskip("matplotlib.figure").Figure((2, 2), dpi=50)
    Animation(Figure(canvas, "a caption", "words"), lambda _: None, 2).save(tmp_path / "plot.toy")
    assert (tmp_path / "plot.toy").is_file()
