"""What controls a dream's effect, as options of ``run``: masks of any kind, what is kept, how much and how far."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepdream.images import read_picture, read_recipe, write_picture
from deepdream.models import Model

FAST = ("--octaves", "1", "--steps", "3", "-l", "second", "-q")
CAT = Path(__file__).parents[2] / "images" / "cat.jpg"
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture
def photo_here(
    use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NDArray[np.float32]:
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    chance = np.random.default_rng(0)
    write_picture("photo.png", chance.random((40, 48, 3), dtype=np.float32) * 0.3 + 0.35)
    return read_picture("photo.png").pixels


def change(command: Any, photo: NDArray[np.float32], *words: str) -> NDArray[np.float32]:
    done = command("run", "photo.png", "-o", "d.png", "--overwrite", "--bits", "16", *FAST, *words)
    assert (done.code, done.err) == (0, "")
    return np.asarray(read_picture("d.png").pixels - photo)


def half_white(name: str) -> None:
    gray = np.zeros((40, 48, 3), np.float32)
    gray[:, :24] = 1
    write_picture(Path(name), gray)


def test_a_gray_picture_says_where_and_stands_in_the_recipe_by_name_and_hash(
    command: Any, photo_here: NDArray[np.float32]
) -> None:
    Path("far").mkdir()
    half_white("far/mask.png")
    inside = change(command, photo_here, "--mask", "far/mask.png")
    assert np.abs(inside[:, 24:]).max() < 1e-4
    assert np.abs(inside[:, :24]).max() > 0.01
    mask = json.loads(read_recipe("d.png") or "")["plan"]["mask"]
    assert mask.startswith("mask.png#")
    assert command("rerun", "d.png", "-q").code == 3
    Path("far/mask.png").rename("mask.png")
    done = command("rerun", "d.png", "--json", "-q")
    assert json.loads(done.out)["results"][0]["same_pixels"] is True
    outside = change(command, photo_here, "--mask", "mask.png", "--mask-outside")
    assert np.abs(outside[:, :24]).max() < 1e-4
    soft = change(command, photo_here, "--mask", "mask.png", "--feather", "12")
    assert 1e-3 < np.abs(soft[:, 25:30]).max() < np.abs(soft[:, :20]).max()


def test_what_is_kept_stays(command: Any, photo_here: NDArray[np.float32]) -> None:
    kept = change(command, photo_here, "--keep", "luminance", "--strength", "0.03")
    assert np.abs(kept @ LUMA).max() < 2e-3
    assert np.abs(kept).max() > 0.01
    kept = change(command, photo_here, "--keep", "color", "--strength", "0.03")
    assert np.ptp(kept, axis=2).max() < 2e-3


def test_a_blend_is_that_share_of_the_dream(command: Any, photo_here: NDArray[np.float32]) -> None:
    whole, part = (change(command, photo_here, "--blend", share) for share in ("1", "0.25"))
    np.testing.assert_allclose(part, 0.25 * whole, atol=1e-4)


def test_a_dream_stops_where_it_was_to_stop(command: Any, photo_here: NDArray[np.float32]) -> None:
    far = change(command, photo_here, "--stop-at", "l2=0.02")
    assert float(np.sqrt((far**2).mean())) == pytest.approx(0.02, abs=1e-3)
    change(command, photo_here, "--stop-at", "ssim=0.9")
    assert json.loads(read_recipe("d.png") or "")["measures"]["ssim"] == pytest.approx(0.9, abs=5e-3)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--mask", "none.png"], 3, "There is no file none.png"),
        (["--mask", "text.png"], 3, "text.png"),
        (["--keep", "hue"], 2, "No keep 'hue'"),
        (["--blend", "2"], 2, "blend must lie between 0 and 1"),
        (["--stop-at", "lpips=1"], 2, "Cannot read the distance"),
        (["--stop-at", "l2=0.1", "--strength", "0.1"], 2, "not both"),
    ],
)
@pytest.mark.usefixtures("photo_here")
def test_mistakes_are_one_line(words: list[str], code: int, message: str, command: Any) -> None:
    Path("text.png").write_text("no picture")
    done = command("run", "photo.png", "-o", "d.png", *FAST, *words)
    assert (done.code, done.err.count("\n")) == (code, 1)
    assert message in done.err
    assert not Path("d.png").exists()


@pytest.mark.weights
@pytest.mark.parametrize("words", [("saliency",), ("explain", "--method", "grad-cam")])
def test_the_map_of_an_explanation_is_a_mask(
    words: tuple[str, ...], command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commands: explain with --style mask, run with --mask."""
    monkeypatch.chdir(tmp_path)
    name, *more = words
    done = command(name, str(CAT), *more, "--style", "mask", "-o", "mask.png")
    assert done.code == 0, done.err
    mask, cat = read_picture("mask.png").pixels, read_picture(CAT).pixels
    assert mask.shape == cat.shape
    assert np.ptp(mask, axis=2).max() == 0
    assert mask.max() > 0.95
    assert not mask[:5].any()  # outside of the square that the network sees
    done = command("run", str(CAT), "--size", "96", "--mask", "mask.png", "--octaves", "1", "--steps", "1",
                   "-o", "d.png", "-q")  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads(read_recipe("d.png") or "")["plan"]["mask"].startswith("mask.png#")
    made, plain = read_picture("d.png").pixels, command("run", str(CAT), "--size", "96", "--blend", "0", "--octaves",
        "1", "--steps", "1", "-o", "p.png", "-q")  # fmt: skip
    assert plain.code == 0
    moved = np.abs(made - read_picture("p.png").pixels).max(axis=2)
    height = moved.shape[0]
    assert moved[: height // 20].max() <= 1 / 255
    assert moved[height // 4 : -height // 4].max() > 0.02


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("explain", "x.png", "--method", "all", "--style", "mask"), "from one method"),
        (("saliency", "x.png", "--style", "mask", "-o", "m.svg"), "A mask is a PNG"),
    ],
)
def test_what_is_no_mask_is_said_first(words: tuple[str, ...], message: str, command: Any) -> None:
    done = command(*words)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
