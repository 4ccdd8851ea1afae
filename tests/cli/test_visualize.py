"""The command ``visualize``: one picture or a sheet, made from noise, each with its own recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepdream.cli import reruns
from deepdream.cli import visualize as commands
from deepdream.errors import UsageError
from deepdream.images import read_recipe
from deepdream.models import Model

FAST = ("--size", "40", "--steps", "3")


@pytest.fixture(autouse=True)
def network(tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    for module in (commands, reruns):
        monkeypatch.setattr(module, "load_network", lambda *_: tiny_model)
    monkeypatch.chdir(tmp_path)
    return tiny_model


def test_one_channel_is_one_picture_that_can_be_made_again(command: Any) -> None:
    done = command("visualize", "second:3", *FAST, "-o", "v.png", "-q")
    assert (done.code, done.out) == (0, "v.png\n")
    recipe = json.loads(read_recipe(Path("v.png")) or "")
    assert recipe["plan"]["objective"] == "channel(second, 3)"
    assert recipe["plan"]["start"] == "noise"
    done = command("rerun", "v.png", "-q", "--json")
    assert json.loads(done.out)["results"][0]["same_pixels"] is True


def test_the_channels_of_a_layer_are_a_sheet_and_cells_with_recipes_of_their_own(command: Any) -> None:
    done = command(
        "visualize", "second", "--channels", "0-2,4", *FAST, "-o", "s.png", "--cells", "c", "--json", "-q"
    )
    assert done.code == 0
    results = json.loads(done.out)["results"]
    assert [entry["label"] for entry in results] == ["second:0", "second:1", "second:2", "second:4"]
    for entry in results:
        with Image.open(entry["cell"]) as cell:
            assert cell.size == (40, 40)
        assert json.loads(read_recipe(Path(entry["cell"])) or "")["plan"]["objective"] == entry["objective"]
    with Image.open("s.png") as sheet:
        assert sheet.width > 4 * 40


def test_a_cell_can_be_made_again(command: Any) -> None:
    command("visualize", "second:1", "first:2", *FAST, "-o", "s.png", "--cells", "c", "-q")
    cell = next(Path("c").glob("00_*.png"))
    done = command("rerun", str(cell), "-q", "--json")
    assert json.loads(done.out)["results"][0]["differences"] == []
    with Image.open(cell) as before, Image.open(cell.with_stem(f"{cell.stem}_again")) as after:
        pairs = zip(before.tobytes(), after.tobytes(), strict=True)
        # In a batch the convolutions may round otherwise; a level or two, not another picture.
        assert max(abs(one - other) for one, other in pairs) <= 8


def test_signs_and_diversity(command: Any) -> None:
    done = command(
        "visualize", "second:1", "--both", "--diversity", "2", *FAST, "-o", "s.png", "--json", "-q"
    )
    results = json.loads(done.out)["results"]
    assert [entry["label"] for entry in results] == ["second:1"] * 2 + ["−second:1"] * 2
    assert results[0]["objective"] == "channel(second, 1) + diversity(second)"
    assert results[2]["objective"].startswith("-channel(second, 1)")


def test_a_class_and_an_objective(command: Any) -> None:
    done = command(
        "visualize", "class:3", "layer(first) - 0.1*total_variation()", *FAST, "--dry-run", "--json"
    )
    (plan,) = json.loads(done.out)["plans"]
    assert plan["objective"] == "logit(3); layer(first) - 0.1*total_variation()"
    assert plan["output"].startswith("outputs/visualize_")
    assert not Path("outputs").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "Say what to visualize"),
        ("secnd:1", "Did you mean 'second'"),
        ("second:99999", "there is no channel 99999"),
        ("second --channels 5-2", "Cannot read the channels"),
        ("second --negative --both", "Choose one of"),
        ("second --recipe balanced", "--recipe is one of lucid"),
        ("second --size 100000", "more than 4096"),
        ("second --size 0", "Cannot read the size"),
        ("second:0 second:1 --checkpoint-every 2", "--cells"),
        ("second:0 --diversity 65", "more than 64"),
        ("layer(second", "is not complete"),
    ],
)
def test_wrong_words_end_with_2_in_one_line(line: str, words: str, command: Any) -> None:
    done = command("visualize", *line.split())
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert words in done.err


def test_an_output_that_exists_is_refused(command: Any) -> None:
    Path("v.png").write_text("mine")
    assert command("visualize", "second:3", *FAST, "-o", "v.png").code == 7
    assert Path("v.png").read_text() == "mine"


def test_numbers_are_read() -> None:
    assert commands.read_numbers("0-2, 7,1") == [0, 1, 2, 7]
    with pytest.raises(UsageError):
        commands.read_numbers("a")


def test_transforms_are_part_of_the_recipe_and_made_again(command: Any) -> None:
    words = ("--transforms", "pad(4) + jitter(3) + rotate(-9, 9)")
    done = command("visualize", "second:3", *words, *FAST, "-o", "v.png", "-q")
    assert done.code == 0
    assert json.loads(read_recipe(Path("v.png")) or "")["plan"]["transforms"] == words[1]
    done = command("rerun", "v.png", "-q", "--json")
    assert json.loads(done.out)["results"][0]["same_pixels"] is True


def test_transforms_that_do_not_exist_are_answered_before_anything_is_made(command: Any) -> None:
    done = command("visualize", "second:3", "--transforms", "padd(4)", *FAST, "-o", "v.png")
    assert (done.code, done.out) == (2, "")
    assert "No transform 'padd'. Did you mean 'pad'?" in done.err
    assert not Path("v.png").exists()
