"""The one look: captions and alt texts reach the file, settings stay inside, failures are told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import layout_engine
from PIL import Image

from deepdream.errors import OutputError, UsageError
from deepdream.figures import PALETTE, Animation, Figure, Theme, drawn, label, new_figure


@drawn
def line(*, theme: Theme = Theme.LIGHT, caption: str = "What: a line. Why: to test.") -> Figure:
    canvas, axes = new_figure(title="A line & more", size=(5, 3), theme=theme)
    axes[0, 0].plot([0, 1], [0, 1])
    label(axes[0, 0], "time (s)", "height (m)")
    return Figure(canvas, caption, "A rising line <from left>", {"y": [0, 1]}, theme)


def test_png_holds_title_alt_and_caption(tmp_path: Path) -> None:
    path = line().save(tmp_path / "a.png")
    with Image.open(path) as picture:
        assert picture.text["Title"] == "A line & more"
        assert "A rising line" in picture.text["Description"]
        assert "Why: to test." in picture.text["Description"]
        assert picture.width == 500
        assert picture.height > 300  # the strip of the caption


@pytest.mark.parametrize(
    "title", ["Short", "Why “tiger cat” (39%) and not “golden retriever”?  integrated-gradients"]
)
@pytest.mark.parametrize("width", [4.0, 6.2, 15.0])
def test_a_title_is_not_cut_off(title: str, width: float) -> None:
    canvas, _ = new_figure(title=title, size=(width, 4))
    figure = Figure(canvas, "", "")
    figure.pixels()
    words = next(text for text in canvas.texts if text.get_text())
    box = words.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= canvas.bbox.x1
    assert figure.title.split() == title.split()
    assert "\n" not in figure.title


def test_svg_can_be_read_aloud_and_is_the_same_every_time() -> None:
    first, second = line().encode(".svg").decode(), line().encode(".svg").decode()
    assert first == second
    assert first.count("<title>") == 1
    assert "<title>A line &amp; more</title>" in first
    assert "<desc>A rising line &lt;from left&gt;</desc>" in first
    assert re.search(r'<svg role="img" ', first)


def test_the_solvers_last_digits_do_not_reach_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout's solver adds up in the order of addresses in memory; here it errs on purpose."""
    solve, random = layout_engine.do_constrained_layout, np.random.default_rng(0)

    def inexact(canvas: Any, **wishes: Any) -> Any:
        grids = solve(canvas, **wishes)
        for axes in canvas.axes:
            axes._set_position(np.array(axes.get_position().bounds) + random.uniform(-1e-13, 1e-13, 4))
        return grids

    first = line().encode(".svg")
    monkeypatch.setattr(layout_engine, "do_constrained_layout", inexact)
    assert [line().encode(".svg") for _ in range(3)] == [first] * 3


def test_pdf_is_a_pdf() -> None:
    assert line().encode(".pdf").startswith(b"%PDF")


def test_a_long_caption_makes_the_file_taller_and_leaves_the_figure_as_it_was() -> None:
    figure = line(caption="word " * 60)
    assert figure.pixels().shape[0] > line().pixels().shape[0]
    assert figure.canvas.get_size_inches().tolist() == [5, 3]
    assert [text.get_text() for text in figure.canvas.texts] == ["A line & more"]


def test_pixels_are_float32_rgb_of_the_theme() -> None:
    for theme, paper in ((Theme.LIGHT, (255, 255, 255)), (Theme.DARK, (0x14, 0x17, 0x1C))):
        pixels = line(theme=theme).pixels()
        assert pixels.dtype == np.float32
        assert pixels.shape[2] == 3
        np.testing.assert_allclose(pixels[0, 0] * 255, paper, atol=0.5)


def test_matplotlibs_own_settings_are_left_alone() -> None:
    def settings() -> dict[str, object]:
        return {
            key: mpl.rcParams[key] for key in mpl.rcParams if key != "backend"
        }  # found out when asked for

    before = settings()
    line(theme=Theme.DARK).pixels()
    assert settings() == before


def test_notebooks_show_it() -> None:
    assert line()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(("suffix", "told"), [(".bmp", "'.bmp'"), ("", "a file without suffix")])
def test_other_suffixes_are_refused(tmp_path: Path, suffix: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        line().save(tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError):
        line().save(tmp_path / "file" / "a.png")


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("theme", Theme)
def test_text_and_both_classes_stand_out_from_the_paper(theme: Theme) -> None:
    def contrast(color: str) -> float:
        low, high = sorted((luminance(color), luminance(theme.paper)))
        return (high + 0.05) / (low + 0.05)

    assert contrast(theme.ink) > 12  # WCAG asks for 4.5 in text
    assert contrast(theme.negative) > 3  # and for 3 in graphics
    assert contrast(theme.positive) > 3
    assert theme.colors[:2] == (theme.negative, theme.positive)
    assert sorted(theme.colors) == sorted(PALETTE)


def moving(count: int = 3) -> Animation:
    figure = line()
    artist = figure.canvas.axes[0].lines[0]
    return Animation(figure, lambda i: artist.set_data([0, 1], [0, i]), count)


def test_frames_have_one_size_and_differ() -> None:
    frames = list(moving().frames())
    assert len(frames) == 3
    assert len({frame.shape for frame in frames}) == 1
    assert (frames[0] != frames[2]).any()


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_move(tmp_path: Path, suffix: str) -> None:
    with Image.open(moving().save(tmp_path / f"a{suffix}")) as picture:
        assert picture.n_frames == 3


def test_the_still_of_an_animation_is_its_last_frame(tmp_path: Path) -> None:
    animation = moving()
    np.testing.assert_array_equal(animation.still().pixels(), animation.still(2).pixels())
    assert b"<svg" in animation.save(tmp_path / "a.svg").read_bytes()
    with Image.open(animation.save(tmp_path / "a.png")) as picture:
        assert getattr(picture, "n_frames", 1) == 1
    with pytest.raises(UsageError, match=r"An animation cannot be written as '\.mp4'"):
        animation.save(tmp_path / "a.mp4")


def test_what_does_not_move_is_drawn_once_and_looks_the_same() -> None:
    canvas, axes = new_figure(title="moving")
    (line,) = axes[0, 0].plot([], [], "o-")
    axes[0, 0].set(xlim=(0, 5), ylim=(0, 5))
    figure = Figure(canvas, "What it shows.", "A line.")

    def update(index: int) -> None:
        line.set_data(range(index + 2), range(index + 2))
        axes[0, 0].set_title(f"frame {index}")

    anew = list(Animation(figure, update, 3).frames())
    quick = list(Animation(figure, update, 3, moving=lambda: (line, axes[0, 0].title)).frames())
    for a, b in zip(anew, quick, strict=True):
        assert np.abs(a - b).mean() < 1e-3
    assert not line.get_animated()
    assert np.abs(quick[0] - quick[2]).max() > 0.3
