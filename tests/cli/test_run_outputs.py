"""``deepdream run``: where results go, and what is already there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_pictures import save

from deepdream.images import read_picture
from deepdream.models import Model

FAST = ("--octaves", "1", "--steps", "1")


@pytest.fixture(autouse=True)
def quick(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small network instead of the embedded one, in an empty folder."""
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)


def test_the_default_output_names_picture_network_and_layer(command: Any) -> None:
    save("photo.jpg")
    done = command("run", "photo.jpg", "--layer", "first", *FAST)
    assert (done.code, done.out) == (0, "outputs/photo_tiny_first.png\n")
    assert read_picture("outputs/photo_tiny_first.png").pixels.shape == (36, 40, 3)
    assert list(Path("outputs").iterdir()) == [Path("outputs/photo_tiny_first.png")]


def test_several_layers_and_strange_names_give_a_safe_file_name(command: Any) -> None:
    save("photo.jpg")
    done = command("run", "photo.jpg", "-l", "first", "-l", "second=0.5", *FAST)
    assert done.out == "outputs/photo_tiny_first+second.png\n"


@pytest.mark.parametrize(
    ("output", "expected"),
    [("d.png", "d.png"), ("d.TIF", "d.TIF"), ("a/b/d.webp", "a/b/d.webp"), ("new/", "new/photo_tiny_second.png"),
     ("folder", "folder/photo_tiny_second.png")],
)  # fmt: skip
def test_a_file_or_a_folder(output: str, expected: str, command: Any) -> None:
    save("photo.jpg")
    done = command("run", "photo.jpg", "-o", output, "-l", "second", *FAST)
    assert (done.code, done.out.strip()) == (0, expected)
    assert Path(expected).is_file()


def test_folders_globs_and_files_together_each_once(command: Any) -> None:
    for name in ("in/b.png", "in/a.JPG", "in/deep/c.png", "x1.png", "x2.png"):
        save(name)
    Path("in/notes.txt").write_text("no picture")
    done = command("run", "in", "x?.png", "x1.png", "-l", "second", *FAST)
    assert done.code == 0
    stems = [Path(line).name.partition("_")[0] for line in done.out.splitlines()]
    assert stems == ["a", "b", "x1", "x2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["empty"], "The folder empty holds no pictures."),
        (["*.png"], "No picture matches '*.png'."),
        (["nothere.png"], "There is no file nothere.png."),
    ],
)
def test_nothing_to_dream(words: list[str], message: str, command: Any) -> None:
    Path("empty").mkdir()
    done = command("run", *words, *FAST)
    assert (done.code, done.out) == (3, "")
    assert message in done.err


def test_a_file_whose_name_is_a_pattern(command: Any) -> None:
    save("a[1].png")
    assert command("run", "a[1].png", "-o", "o.png", *FAST).code == 0


def test_what_exists_is_refused_and_kept(command: Any) -> None:
    save("photo.jpg")
    old = save("d.png").read_bytes()
    done = command("run", "photo.jpg", "-o", "d.png", *FAST)
    assert (done.code, done.out) == (7, "")
    assert done.err == (
        "deepdream: d.png exists. Use --overwrite, --skip-existing or --number, or another name with -o.\n"
    )
    assert Path("d.png").read_bytes() == old


def test_what_exists_is_replaced_left_or_numbered(command: Any) -> None:
    save("photo.jpg")
    old = save("d.png").read_bytes()
    assert command("run", "photo.jpg", "-o", "d.png", "--skip-existing", *FAST).code == 0
    assert Path("d.png").read_bytes() == old
    for name in ("d_2.png", "d_3.png"):
        assert command("run", "photo.jpg", "-o", "d.png", "--number", *FAST).out == f"{name}\n"
    assert Path("d.png").read_bytes() == old
    assert command("run", "photo.jpg", "-o", "d.png", "--overwrite", *FAST).code == 0
    assert Path("d.png").read_bytes() != old
    done = command("run", "photo.jpg", "-o", "d.png", "--overwrite", "--number", *FAST)
    assert done.code == 2
    assert "Choose one of --overwrite, --skip-existing and --number." in done.err


@pytest.mark.parametrize("policy", ["--overwrite", "--number", "--skip-existing"])
def test_an_output_is_never_an_input(policy: str, command: Any) -> None:
    """Not its own, not another's, and not by another way to write it."""
    old = save("photo.png").read_bytes()
    save("other.png")
    Path("link.png").symlink_to("photo.png")
    for words in (
        ["photo.png", "-o", "photo.png"],
        ["photo.png", "-o", "./x/../photo.png"],
        ["photo.png", "-o", "link.png"],
    ):
        Path("x").mkdir(exist_ok=True)
        done = command("run", *words, policy, *FAST)
        assert done.code == 7
        assert "input" in done.err
    save("out/photo.png")
    save("out/photo_tiny_second.png")
    done = command("run", "out", "-o", "out", "-l", "second", policy, *FAST)
    assert done.code == 7
    assert "out/photo_tiny_second.png is itself an input" in done.err
    assert Path("photo.png").read_bytes() == old


def test_two_inputs_never_share_an_output(command: Any) -> None:
    save("a/cat.png")
    save("b/cat.jpg")
    done = command("run", "a/cat.png", "b/cat.jpg", "-o", "out", *FAST)
    assert done.code == 0
    assert {path.name for path in Path("out").iterdir()} == {"cat-png_tiny_act.png", "cat-jpg_tiny_act.png"}
    done = command("run", "a/cat.png", "b/cat.jpg", "-o", "one.png", *FAST)
    assert done.code == 2
    assert "2 inputs cannot share the output one.png" in done.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-o", "d.gif"], 2, "Cannot write pictures as '.gif'. Use one of .png"),
        (["-o", "d.jpg", "--bits", "16"], 2, "No 16 bits per sample in jpeg"),
        (["--bits", "12"], 2, "--bits is 8 or 16, not 12"),
        (["-o", "photo.jpg/d.png"], 7, "Cannot write photo.jpg/d.png"),
        (["-o", "d.png", "--decided-by", "a\nb"], 2, "--decided-by is one line"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(
    words: list[str], code: int, message: str, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work had begun")

    monkeypatch.setattr("deepdream.dreaming.rendering.render", work)
    save("photo.jpg")
    done = command("run", "photo.jpg", *words)
    assert done.code == code
    assert message in done.err
