"""Contact sheets, lettering, resizing and animations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import RNG, ramp
from PIL import Image

from deepdream.errors import OutputError, UsageError
from deepdream.images import Cell, contact_sheet, resize, write_animation
from deepdream.images.lettering import font, text_width, wrap
from deepdream.images.resizing import enlarge_blocks
from deepdream.images.sheet import _columns

RED, GREEN = (np.full((60, 90, 3), color, np.float32) for color in ((1, 0, 0), (0, 1, 0)))


def box_of(sheet: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """top, left, height, width of everything in exactly this color."""
    rows, columns = np.nonzero((sheet == np.float32(color)).all(axis=2))
    assert (np.ptp(rows) + 1) * (np.ptp(columns) + 1) == len(rows)  # a full rectangle
    return int(rows.min()), int(columns.min()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_a_sheet_holds_its_pictures_in_order_and_proportion() -> None:
    tall = np.full((90, 30, 3), (0, 0, 1), np.float32)
    cells = [Cell(RED, "first"), Cell(GREEN, "second"), Cell(tall, "third")]
    sheet = contact_sheet(cells, columns=2, cell_width=180)
    assert sheet.dtype == np.float32
    assert 0 <= sheet.min() < sheet.max() <= 1
    first, second, third = (box_of(sheet, color) for color in ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    assert first[2:] == second[2:] == (120, 180)
    assert third[2:] == (120, 40)
    assert first[0] == second[0] < third[0]
    assert third[1] == first[1] < second[1]
    assert sheet.shape[1] == first[1] + 180 + (second[1] - first[1]) + first[1]  # equal margins


@pytest.mark.parametrize("dark", [True, False])
def test_text_is_seen_and_changes_the_sheet(dark: bool) -> None:
    plain = contact_sheet([Cell(RED, "")], dark=dark)
    labelled = contact_sheet([Cell(RED, "Layer blocks.4", "score 0.81")], dark=dark)
    titled = contact_sheet([Cell(RED, "Layer")], title="What it sees", caption="One sentence.", dark=dark)
    assert plain.shape[0] < labelled.shape[0] < titled.shape[0]
    paper = plain[0, 0]
    assert (paper.max() < 0.15) if dark else (paper.min() > 0.9)
    text = labelled[-60:].reshape(-1, 3)
    contrast = np.abs(text - paper).max()
    assert contrast > 0.5


def test_tiny_pictures_show_their_pixels_and_small_ones_are_smooth() -> None:
    digit = (np.indices((8, 8)).sum(0) % 2).astype(np.float32)[..., None].repeat(3, axis=2)
    assert set(np.unique(enlarge_blocks(digit, 5))) == {0, 1}
    box = contact_sheet([Cell(digit, "")], cell_width=160)[22:170, 24:170]
    assert set(np.unique(box)) <= set(np.unique(contact_sheet([Cell(digit, "")], cell_width=160)[0])) | {
        0.0,
        1.0,
    }
    smooth = contact_sheet([Cell(ramp(40, 40) / np.float32(255), "")], cell_width=160)
    assert len(np.unique(smooth)) > 100


@given(st.integers(1, 60), st.floats(0.3, 2.5))
def test_columns_leave_few_places_empty(count: int, ratio: float) -> None:
    columns = _columns(count, ratio)
    assert 1 <= columns <= count
    assert -(-count // columns) * columns - count <= max(1, count // 2)


def test_eight_landscapes_stand_in_two_full_rows() -> None:
    assert _columns(8, 360 / 300) == 4
    assert _columns(9, 1.0) == 3


@pytest.mark.parametrize(
    ("cells", "options"), [([], {}), ([Cell(RED, "")], {"columns": 0}), ([Cell(RED, "")], {"cell_width": 10})]
)
def test_impossible_sheets(cells: list[Cell], options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        contact_sheet(cells, **options)  # type: ignore[arg-type]


def test_bad_pictures_on_a_sheet() -> None:
    with pytest.raises(OutputError, match="NaN"):
        contact_sheet([Cell(np.full((4, 4, 3), np.nan), "")])
    with pytest.raises(UsageError, match="shape"):
        contact_sheet([Cell(np.zeros((4, 4)), "")])


# --- lettering --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=120), st.integers(40, 300))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    face = font(16)
    lines = wrap(text, face, width, lines=10_000)
    assert all(text_width(line, face) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_too_much_text_ends_in_an_ellipsis() -> None:
    face = font(16)
    lines = wrap("word " * 100, face, 120, lines=2)
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert all(text_width(line, face) <= 120 for line in lines)
    full = wrap("x" * 500, face, 120, lines=2)  # no room is left for the mark: letters make way
    assert full[1].endswith("x…")
    assert text_width(full[1], face) <= 120
    assert wrap("", face, 100) == []
    assert wrap("a\nb", face, 100) == ["a", "b"]


# --- resizing ---------------------------------------------------------------------------------------


def test_resize_keeps_constants_and_size_one_and_stays_in_range() -> None:
    flat = np.full((7, 5, 3), 0.3, np.float32)
    np.testing.assert_allclose(resize(flat, 20, 3), 0.3, atol=1e-6)
    picture = RNG.random((9, 11, 3)).astype(np.float32)
    np.testing.assert_allclose(resize(picture, 9, 11), picture, atol=1e-6)
    enlarged = resize((picture > 0.5).astype(np.float32), 50, 60)
    assert enlarged.shape == (50, 60, 3)
    assert enlarged.min() == 0
    assert enlarged.max() == 1


def test_resize_does_not_alias() -> None:
    stripes = np.tile(np.float32([0, 1]), (64, 32))[..., None].repeat(3, axis=2)  # the finest there are
    small = resize(stripes, 16, 16)
    np.testing.assert_allclose(small[:, 2:-2], 0.5, atol=0.02)


def test_resize_keeps_floats_finer_than_8_bits() -> None:
    faint = np.linspace(0.5, 0.501, 32, dtype=np.float32)[None, :, None].repeat(32, 0).repeat(3, 2)
    assert len(np.unique(resize(faint, 32, 64))) > 30


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (-1, 4)])
def test_resize_to_nothing(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="at least 1x1"):
        resize(RED, *size)
    with pytest.raises(UsageError, match="shape"):
        resize(RED[..., 0], 3, 3)


# --- animations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "unit"), [(".webp", 1), (".gif", 10), (".png", 1), (".apng", 1)])
@pytest.mark.parametrize("loop", [True, False])
def test_animations_hold_their_frames_their_time_and_their_loop(
    suffix: str, unit: int, loop: bool, tmp_path: Path
) -> None:
    path = tmp_path / f"moving{suffix}"
    frames = [np.full((16, 20, 3), level, np.float32) for level in (0.1, 0.4, 0.7, 0.9, 0.2)]
    write_animation(path, iter(frames), frames_per_second=12, loop=loop)
    durations = []
    with Image.open(path) as image:
        assert image.n_frames == 5
        for index, frame in enumerate(frames):
            image.seek(index)
            image.load()
            durations.append(image.info["duration"])
            shown = np.asarray(image.convert("RGB")) / 255
            assert np.abs(shown - frame).max() < 0.03
        assert image.info.get("loop", 1 if suffix == ".gif" else 0) == (0 if loop else 1)
    assert sum(durations) == pytest.approx(5000 / 12, abs=unit)
    assert list(tmp_path.iterdir()) == [path]


def test_gif_colors_are_close(tmp_path: Path) -> None:
    write_animation(tmp_path / "a.gif", [ramp(64, 64) / np.float32(255)] * 2)
    with Image.open(tmp_path / "a.gif") as image:
        shown = np.asarray(image.convert("RGB")).astype(int)
    error = (shown - ramp(64, 64)).reshape(8, 8, 8, 8, 3)
    assert np.abs(error).mean() < 12
    assert np.abs(error.mean((1, 3))).mean() < 1.4  # dithering: right on average over any small patch


@pytest.mark.parametrize(
    ("name", "frames", "rate", "said"),
    [
        ("a.mp4", [RED], 12, "Cannot write animations as '.mp4'"),
        ("a.webp", [], 12, "at least one frame"),
        ("a.webp", [RED, RED[:5]], 12, "Frame 1 is (90, 5), the first is (90, 60)."),
        ("a.webp", [RED], 0, "between 0.1 and 60"),
        ("a.webp", [RED], float("nan"), "between 0.1 and 60"),
    ],
)
def test_impossible_animations(
    name: str, frames: list[np.ndarray], rate: float, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        write_animation(tmp_path / name, frames, frames_per_second=rate)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_frame_leaves_the_old_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="NaN"):
        write_animation(path, [RED, np.full_like(RED, np.nan)])
    assert path.read_bytes() == b"precious"
