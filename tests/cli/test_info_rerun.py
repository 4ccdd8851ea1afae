"""``deepdream info`` and ``deepdream rerun``: how a picture was made, and making it again."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from deepdream.images import read_picture, read_recipe, write_picture
from deepdream.models import Model

IMAGES = Path(__file__).parents[2] / "images"
FAST = ("--octaves", "2", "--octave-scale", "1.2", "--steps", "2")


@pytest.fixture
def asked(
    use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[object, ...]]:
    """The small network under every name, in an empty folder; what was asked for is noted."""
    seen: list[tuple[object, ...]] = []

    def load(*words: object) -> Model:
        seen.append(words)
        return tiny_model

    use_network(load)
    monkeypatch.chdir(tmp_path)
    chance = np.random.default_rng(0)
    small = Image.fromarray(chance.integers(20, 230, (6, 7, 3), dtype=np.uint8))
    small.resize((48, 40), Image.Resampling.BICUBIC).save("photo.png")
    return seen


def recipe_of(path: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_recipe(path) or "")
    return found


def plant(path: str, change: Any, size: tuple[int, int] = (40, 48)) -> None:
    """A picture with a changed recipe of ``made.png`` inside."""
    recipe = recipe_of("made.png")
    change(recipe)
    write_picture(path, np.full((*size, 3), 0.5, np.float32), recipe=json.dumps(recipe))


@pytest.fixture
def made(asked: list[tuple[object, ...]], command: Any) -> Path:
    assert command("run", "photo.png", "-o", "made.png", "--seed", "3", *FAST).code == 0
    return Path("made.png")


# Info.


def test_info_tells_people_everything(made: Path, command: Any) -> None:
    done = command("info", made)
    assert (done.code, done.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines()[1:] if not line.startswith(" "))
    assert done.out.splitlines()[0] == "made.png: 48x40"
    assert lines["climbed"] == "layer(act)"
    assert lines["octaves"] == "40x33 48x40"
    assert "seed=3" in done.out
    assert "strength=0.09" in done.out
    assert f"torch {recipe_of(made)['versions']['torch']}" in done.out
    assert lines["ran"] == "on     cpu, 1 thread"


def test_info_wraps_between_words_in_a_terminal(
    made: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "60")
    lines = command("info", made).out.splitlines()
    (weights,) = (line for line in lines if line.startswith("weights"))
    assert max(len(line) for line in lines if line is not weights) <= 60
    assert "           optimizer=ascent" in "\n".join(lines) or " optimizer=ascent" in "\n".join(lines)


def test_info_as_json_is_the_recipe(made: Path, command: Any) -> None:
    assert json.loads(command("info", made, "--json").out) == recipe_of(made)


def test_info_names_who_decided(asked: list[object], command: Any) -> None:
    command("run", "photo.png", "-o", "d.png", "--decided-by", "Ada Lovelace", *FAST)
    assert "decided by Ada Lovelace" in command("info", "d.png").out


@pytest.mark.parametrize("name", ["photo.png", "cat.jpg"])
def test_info_on_a_foreign_picture(name: str, asked: list[object], command: Any) -> None:
    shutil.copy(IMAGES / "cat.jpg", "cat.jpg")
    done = command("info", name)
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        f"deepdream: {name} holds no recipe. A dream has one unless it was written with --no-metadata; a drawing of an "
        "explanation has none.\n"
    )


@pytest.mark.parametrize(
    "name", ["map.npy", "maps.npz", "page.html", "plot.svg", "plot.pdf", "other.csv", "table.csv"]
)
def test_info_on_another_file_of_the_toolkit(name: str, asked: list[object], command: Any) -> None:
    Path(name).write_bytes(b"x")
    Path("table.json").write_text("{}")
    done = command("info", name)
    assert (done.code, done.out) == (3, "")
    answer = (
        "is a table; how it was made is in table.json."
        if name == "table.csv"
        else "is not a picture with a recipe. Only dreams and their sheets have one."
    )
    assert done.err == f"deepdream: {name} {answer}\n"


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_info_on_no_picture(content: bytes | None, asked: list[object], command: Any) -> None:
    if content is not None:
        Path("x.png").write_bytes(content)
    done = command("info", "x.png", "--json")
    assert done.code == 3
    assert json.loads(done.out)["exit_code"] == 3


def test_info_on_another_programs_text(asked: list[object], command: Any) -> None:
    write_picture("x.png", np.full((8, 8, 3), 0.5, np.float32), recipe="a note")
    done = command("info", "x.png")
    assert done.code == 3
    assert "not readable JSON" in done.err


@pytest.mark.parametrize("words", [("info",), ("info", "--json"), ("rerun",)])
@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["input"].update(name="../../etc/passwd"),
        lambda r: r["input"].update(name="\x1b]0;owned\x07"),
        lambda r: r.update(width=10**7),
        lambda r: r.update(threads=10**6),
        lambda r: r["versions"].update(torch="\x1b[2J"),
        lambda r: r["measures"].update(strength="x"),
        lambda r: r.update(decided_by="\ud800"),
        lambda r: r["plan"].update(steps=10**9),
        lambda r: r["plan"].update(seed=10**400),
        lambda r: r.update(extra=1),
        lambda r: r.update(schema=99),
    ],
)
def test_a_hostile_recipe_is_refused_in_one_line(
    words: tuple[str, ...], change: Any, made: Path, command: Any
) -> None:
    plant("evil.png", change)
    done = command(*words, "evil.png")
    assert done.code in (2, 3)
    assert done.err.count("\n") == 1
    assert "a bug" not in done.err
    assert "\x1b" not in done.err + done.out
    assert not Path("evil_again.png").exists()


# Rerun.


def test_rerun_gives_the_same_pixels(made: Path, command: Any) -> None:
    done = command("rerun", made, "--quiet")
    assert (done.code, done.out, done.err) == (0, "made_again.png\n", "")
    assert Path("made_again.png").read_bytes() == made.read_bytes()


def test_rerun_asks_for_no_other_tiles_where_memory_is_short(
    made: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepdream.dreaming import estimating

    def asked_for(_: object) -> int:
        raise AssertionError("free memory was asked for")

    monkeypatch.setattr(estimating, "free_memory", asked_for)
    assert command("rerun", made, "-o", "again.png").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "d.png", "--bits", "16"),
        ("-o", "d.tif", "--bits", "16"),
        ("-o", "d.png", "--size", "33"),
        ("-o", "d.png", "--size", "30x44"),
        ("-o", "d.jpg"),
        ("-o", "d.webp"),
        ("-o", "d.png", "--range", "minmax"),
        ("-o", "d.png", "--preset", "natural"),
        ("-o", "d.png", "--preset", "classic", "--strength", "0.05"),
        ("-o", "d.png", "--objective", "channel(second, 2) - 0.5*layer(first)"),
    ],
)
def test_whatever_was_asked_comes_again(words: tuple[str, ...], asked: list[object], command: Any) -> None:
    assert command("run", "photo.png", *words, *FAST).code == 0
    done = command("rerun", words[1], "--json")
    assert done.code == 0
    (result,) = json.loads(done.out)["results"]
    assert result["same_pixels"]
    assert result["differences"] == []
    assert Path(result["output"]).read_bytes() == Path(words[1]).read_bytes()


def test_noise_needs_no_input(asked: list[object], command: Any) -> None:
    command("run", "noise", "--size", "40x30", "--seed", "5", "-o", "d.png", *FAST)
    done = command("rerun", "d.png")
    assert done.err.splitlines()[-1] == "the same pixels, bit for bit"


def test_the_threads_of_then_are_used(made: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", counts.append)
    plant("two.png", lambda r: r.update(threads=2))
    command("rerun", "two.png")
    assert 2 in counts


def test_the_network_and_weights_of_then_are_asked_for(
    made: Path, asked: list[tuple[object, ...]], command: Any
) -> None:
    plant("random.png", lambda r: r["model"].update(name="googlenet", origin="seeded random (seed 7)"))
    command("rerun", "random.png", "--overwrite")
    assert asked[-1][:3] == ("googlenet", "random:7", "cpu")
    plant("cuda.png", lambda r: r.update(device="cuda:9"))
    command("rerun", "cuda.png")
    assert asked[-1][2] == "auto"


@pytest.mark.parametrize(
    "name", ["/tmp/x.safetensors", "../y.pth", "resnet18-tuned.pth", "timm:hf-hub:a/b", "a\\b"]
)
def test_no_file_named_in_a_recipe_is_opened(
    name: str, made: Path, asked: list[tuple[object, ...]], command: Any
) -> None:
    plant("evil.png", lambda r: r["model"].update(name=name))
    asked.clear()
    done = command("rerun", "evil.png")
    assert done.code == 3
    assert "names a file as its network; it is not opened" in done.err
    assert asked == []


def test_what_differs_is_said(made: Path, command: Any) -> None:
    def change(recipe: dict[str, Any]) -> None:
        recipe["versions"]["torch"] = "1.0"
        recipe["model"]["sha256"] = "0" * 64
        recipe["device"] = "cuda"

    plant("old.png", change)
    done = command("rerun", "old.png")
    now = recipe_of(made)["versions"]["torch"]
    assert done.code == 0
    for line in (f"torch was 1.0, is {now}", "the weights have another hash", "the device was cuda, is cpu"):
        assert f"deepdream: differs from then: {line}\n" in done.err
    assert done.err.splitlines()[-1] == "the pixels differ"


@pytest.mark.parametrize("place", ["--input", "beside", "here", "images"])
def test_the_original_is_looked_for_in_four_places(place: str, made: Path, command: Any) -> None:
    Path("far").mkdir()
    Path("images").mkdir()
    shutil.move(made, "far/made.png")
    homes = {
        "--input": "other/name.png",
        "beside": "far/photo.png",
        "here": "photo.png",
        "images": "images/photo.png",
    }
    Path("other").mkdir()
    Path("photo.png").rename(homes[place])
    words = ["--input", homes[place]] if place == "--input" else []
    done = command("rerun", "far/made.png", *words)
    assert done.code == 0
    assert "the same pixels" in done.err


def test_without_the_original_it_ends_with_3(made: Path, command: Any) -> None:
    wrong = Path("wrong.png")
    shutil.copy(IMAGES / "cat.jpg", wrong)
    for words in (["--input", wrong], ["--input", "lost.png"]):
        done = command("rerun", made, *words)
        assert done.code == 3
        assert f"The original photo.png with hash {recipe_of(made)['input']['sha256'][:12]}..." in done.err
        assert "Give it with --input." in done.err
    os.truncate("photo.png", 100)  # the right name, other bytes
    done = command("rerun", made)
    assert done.code == 3
    assert not Path("made_again.png").exists()


def test_rerun_replaces_nothing_unasked(made: Path, command: Any) -> None:
    old = made.read_bytes()
    assert command("rerun", made, "-o", made, "--overwrite").code == 2
    Path("made_again.png").write_bytes(b"old")
    assert command("rerun", made).code == 7
    assert Path("made_again.png").read_bytes() == b"old"
    assert command("rerun", made, "--overwrite").code == 0
    assert made.read_bytes() == old


def test_a_recipe_for_another_size_is_no_memory_bomb(made: Path, command: Any) -> None:
    plant("evil.png", lambda r: r.update(width=900_000, height=900_000))
    done = command("rerun", "evil.png")
    assert done.code == 3
    assert "is for 900000x900000 pixels; the picture has 48x40" in done.err


@pytest.mark.weights
def test_rerun_of_the_embedded_network(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(IMAGES / "cat.jpg", "cat.jpg")
    assert (
        command("run", "cat.jpg", "--size", "100", "--steps", "2", "--octaves", "2", "-o", "a.png").code == 0
    )
    done = command("rerun", "a.png")
    assert done.err.splitlines()[-1] == "the same pixels, bit for bit"
    assert (read_picture("a.png").pixels == read_picture("a_again.png").pixels).all()
